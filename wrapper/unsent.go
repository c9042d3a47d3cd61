package wrapper

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	// recordTime bounds sending the record to a store that works badly. A connection may be silent for five minutes before
	// store/s3 gives it up and sends the request again, for which there must be time left. recordAgain bounds it where it
	// has failed once.
	recordTime  = 6 * time.Minute
	recordAgain = 5 * time.Second
	// lastTime is what the record gets once there is no time left for results: of the 30 s that AWS Batch gives, the
	// stopper keeps twice as much.
	lastTime = 2 * time.Second
	// maxUnsent is how many records are kept on a node.
	maxUnsent = 100
)

const recordSuffix = ".json"

var errLate = errors.New("the store did not answer in time")

// lastly is a context for what is worth trying even after save has ended: it ends after limit, or lastTime after save.
func lastly(save context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(save), limit, errLate)
	over := context.AfterFunc(save, func() {
		t := time.AfterFunc(lastTime, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	return ctx, func() { over(); cancel() }
}

// keepRecord keeps the record of a job that could not tell the store how it ended, beside the locks in the local prefix,
// and puts it into the log, which often outlives the node.
func (a *attempt) keepRecord(why error) {
	data := a.rec.json()
	var line bytes.Buffer
	_ = json.Compact(&line, a.rec.brief())
	name := a.unsentName(a.Attempt)
	err := a.writeUnsent(name, data)
	e := a.Log.Error().AnErr("why", why).RawJSON("record", line.Bytes())
	if err != nil {
		e.AnErr("not_kept", err).Msg("the record is not in the store")
		return
	}
	e.Str("kept", name).Msg("the record is not in the store")
}

func (a *attempt) writeUnsent(name string, data []byte) error {
	if _, err := os.Stat(a.LocalPrefix); err != nil {
		return err // ferry makes no local prefix for a record alone
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		_ = os.Remove(name + ".new")
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	old, err := Unsent(a.LocalPrefix)
	for i := 0; err == nil && i < len(old)-maxUnsent; i++ {
		err = os.Remove(old[i])
	}
	return err
}

func (a *attempt) unsentName(attempt int) string {
	return filepath.Join(a.LocalPrefix, lockDir, fmt.Sprintf("%s.%d%s", a.ID, attempt, recordSuffix))
}

// dropRecords removes what earlier attempts left to say: the store knows better now.
func (a *attempt) dropRecords() {
	if a.lock == nil {
		return
	}
	for _, name := range a.unsentNames() {
		_ = os.Remove(name)
	}
}

func (a *attempt) unsentNames() (names []string) {
	all, err := Unsent(a.LocalPrefix)
	if err != nil {
		return nil
	}
	for n := 1; n <= a.Attempt; n++ {
		if name := a.unsentName(n); slices.Contains(all, name) {
			names = append(names, name)
		}
	}
	return names
}

// Unsent finds the records below the local prefix that could not be sent to the store, the oldest first.
func Unsent(prefix string) ([]string, error) {
	dir := filepath.Join(prefix, lockDir)
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
