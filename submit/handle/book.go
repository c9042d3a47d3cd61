package handle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/bounded"
)

// A Book is the directory where this machine keeps the handles of the jobs that were submitted here, by their short ids. It is a
// help for people: nothing is lost with it that a handle does not tell.
type Book struct{ Dir string }

// An Entry is one job of a Book.
type Entry struct {
	ID     string    `json:"id"`
	Handle string    `json:"handle"`
	Target string    `json:"target"`
	Title  string    `json:"title,omitempty"`
	Time   time.Time `json:"time"`
	// Foreign says that somebody else submitted the job, which this user has run again: what it names is not this user's word.
	Foreign bool `json:"foreign,omitempty"`
	// Store are the options of stores that the handle is opened with.
	Store map[string]string `json:"store,omitempty"`
}

// NamePrefix begins the name of each submission. The rest is its short id.
const NamePrefix = "ferry-"

// ShortID is the short id of a submission's name.
func ShortID(name string) string { return strings.TrimPrefix(name, NamePrefix) }

var idForm = regexp.MustCompile(`^[0-9a-f]{4,16}$`)

// Add keeps an entry.
func (b Book) Add(e Entry) error {
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return fmt.Errorf("keeping the job's id: %w", err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	tmp := filepath.Join(b.Dir, "."+e.ID+".tmp")
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("keeping the job's id: %w", err)
	}
	return os.Rename(tmp, filepath.Join(b.Dir, e.ID+".json"))
}

// Find gives the entry for what a user typed: a handle, a short id, or the beginning of one. A handle need not be in the book. The
// error has the cause usage.
func (b Book) Find(ref string) (Entry, error) {
	if strings.Contains(ref, "://") || strings.HasPrefix(ref, "/") {
		url := strings.TrimSuffix(strings.TrimRight(ref, "/"), "/"+FileName)
		if strings.HasPrefix(url, "/") {
			url = "file://" + url
		}
		for _, e := range b.List() {
			if e.Handle == url {
				return e, nil
			}
		}
		return Entry{Handle: url}, nil
	}
	id := strings.TrimPrefix(ref, NamePrefix)
	if !idForm.MatchString(id) {
		return Entry{}, cause.Fail(cause.Usage, "ferry jobs lists the ids", "%q is neither a job's id nor a handle (the URL of its metadata dir)", ref)
	}
	names, err := filepath.Glob(filepath.Join(b.Dir, id+"*.json"))
	switch {
	case err != nil || len(names) == 0:
		return Entry{}, cause.Fail(cause.Usage, "ferry jobs lists the ids; on another machine give the handle", "no job %q was submitted on this machine", ref)
	case len(names) > 1:
		return Entry{}, cause.Fail(cause.Usage, "", "%q is the beginning of %d ids", ref, len(names))
	}
	e, err := read(names[0])
	if err != nil {
		return Entry{}, &cause.Error{Cause: cause.Usage, Err: err}
	}
	return e, nil
}

// List are all entries, the latest first. Files that cannot be read are left out.
func (b Book) List() []Entry {
	names, err := filepath.Glob(filepath.Join(b.Dir, "*.json"))
	if err != nil {
		return nil
	}
	var all []Entry
	for _, n := range names {
		if e, err := read(n); err == nil {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(x, y Entry) int { return y.Time.Compare(x.Time) })
	return all
}

// Remove forgets an entry.
func (b Book) Remove(id string) error {
	err := os.Remove(filepath.Join(b.Dir, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func read(name string) (e Entry, err error) {
	data, err := bounded.File(name, bounded.Small)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("reading %s: %w", name, err)
	}
	return e, nil
}
