package sync

import (
	"fmt"
	"strconv"

	"github.com/genepattern/ferry/internal/mimetype"
	"github.com/genepattern/ferry/sync/store"
)

// A Manner has what only some commands ask for. The zero value is that of a job.
type Manner struct {
	// Always moves what is there already, too, and does not look at the destination, as `aws s3 cp --recursive` does.
	Always bool
	// NoGuess sends objects without the type that a file's name tells.
	NoGuess  bool
	Archived Archived
	Case     CaseConflict
}

// Archived says what becomes of objects that a listing shows as archived.
type Archived int

// ArchivedAsked reads them like any other: one that nobody restored fails with store.ErrArchived. ArchivedWarned leaves them out with
// a warning, and ArchivedSilent without one.
const (
	ArchivedAsked Archived = iota
	ArchivedWarned
	ArchivedSilent
)

// contentType is the type that an object made of the file gets.
func (m Manner) contentType(path string) string {
	if m.NoGuess {
		return ""
	}
	return mimetype.Guess(path)
}

// leaves reports whether the object is left out because it is archived. That has had its warning then.
func (t *transfer) leaves(o store.Object, path string) bool {
	if !o.Archived || t.o.Manner.Archived == ArchivedAsked {
		return false
	}
	if t.o.Manner.Archived == ArchivedWarned {
		t.tally.warned.Add(1)
		t.warn(o.Key, path, fmt.Errorf("reading %s: %w", strconv.Quote(t.st.URL(o.Key)), store.ErrArchived))
	}
	return true
}

// takes reports whether an object that is to come may come.
func (d *downloads) takes(p pair) bool {
	if d.t.leaves(*p.obj, p.path) {
		return false
	}
	return p.file != nil || d.cases.takes(d.t, p)
}
