package sync

import (
	"bytes"
	"strconv"
	"time"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// markOf is what a downloaded file remembers: which object it was, and how the file was then. With times restored from
// metadata, nothing else tells whether either changed since. The object's time counts in seconds, because the header of
// an answer has no more. 256 bytes hold the longest.
func markOf(o store.Object, local time.Time) []byte {
	if o.ETag == "" || len(o.ETag) > 150 {
		return nil
	}
	b := append([]byte("1 "), o.ETag...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, o.Size, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, o.ModTime.Unix(), 10)
	b = append(b, ' ')
	return strconv.AppendInt(b, local.UnixNano(), 10)
}

// A verdict is what a mark says.
type verdict int

const (
	unknown      verdict = iota // there is no mark
	same                        // neither changed
	changedHere                 // the file is not as it was downloaded
	changedThere                // the object is not the one that was downloaded
)

// judge compares the file's mark with the object and the file.
func judge(e *tree.Entry, o store.Object) verdict {
	m, can := e.Mark()
	switch {
	case m != nil:
	case !can && e.Change.Before(o.ModTime): // only the inode's time tells when the file came
		return changedThere
	default:
		return unknown
	}
	if bytes.Equal(m, markOf(o, e.ModTime)) {
		return same
	}
	i := bytes.LastIndexByte(m, ' ')
	n, err := strconv.ParseInt(string(m[i+1:]), 10, 64)
	if err != nil {
		return unknown
	}
	if !sameTime(n, e.ModTime.UnixNano()) {
		return changedHere
	}
	if bytes.Equal(m, markOf(o, time.Unix(0, n))) {
		return same
	}
	return changedThere
}

// sameTime says whether a file system that was given the time asked shows it as got: some keep whole seconds, or two, or micro- or
// milliseconds.
func sameTime(asked, got int64) bool {
	for _, step := range []int64{1, 100, 1e3, 1e6, 1e9, 2e9} {
		if got == asked-asked%step {
			return true
		}
	}
	return false
}
