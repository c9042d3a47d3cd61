package node

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	recordSuffix = ".json"
	// maxUnsent is how many records are kept on a node.
	maxUnsent = 100
)

// KeepRecord keeps the record of an attempt that could not be sent to the store, beside the locks. name is the file. Where there
// is no local prefix, it makes none, and fails. Of more than 100 records the oldest are removed.
func KeepRecord(prefix, id string, attempt int, data []byte) (name string, err error) {
	name = recordFile(prefix, id, attempt)
	if _, err := os.Stat(prefix); err != nil {
		return name, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return name, err
	}
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		_ = os.Remove(name + ".new")
		return name, err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return name, err
	}
	old, err := Unsent(prefix)
	for i := 0; err == nil && i < len(old)-maxUnsent; i++ {
		err = os.Remove(old[i])
	}
	return name, err
}

// DropRecords removes the kept records of a job's attempts up to this one: the store has a later record now.
func DropRecords(prefix, id string, attempt int) {
	all, err := Unsent(prefix)
	if err != nil {
		return
	}
	for _, name := range all {
		root, _ := strings.CutSuffix(filepath.Base(name), recordSuffix)
		if n, ok := attemptOf(root, id); ok && n <= attempt {
			_ = os.Remove(name)
		}
	}
}

func recordFile(prefix, id string, attempt int) string {
	return filepath.Join(prefix, ownDir, fmt.Sprintf("%s.%d%s", id, attempt, recordSuffix))
}

// Unsent lists the files of the records below the local prefix that could not be sent to the store, the oldest first.
func Unsent(prefix string) ([]string, error) {
	dir := filepath.Join(prefix, ownDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for records: %w", err)
	}
	type found struct {
		name string
		at   time.Time
	}
	var all []found
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), recordSuffix) && info.Mode().IsRegular() {
			all = append(all, found{filepath.Join(dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	var names []string
	for _, f := range all {
		names = append(names, f.name)
	}
	return names, nil
}
