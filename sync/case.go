package sync

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
)

// A CaseConflict says what becomes of a download whose path differs from another only by the case of letters.
type CaseConflict string

// The AWS CLI's choices. "" is CaseIgnore.
const (
	CaseIgnore CaseConflict = "ignore"
	CaseSkip   CaseConflict = "skip"
	CaseWarn   CaseConflict = "warn"
	CaseError  CaseConflict = "error"
)

// CaseConflicts are all choices.
var CaseConflicts = []CaseConflict{CaseIgnore, CaseSkip, CaseWarn, CaseError}

// ErrCase is a path that differs from another only by case. ErrCaseSkipped is one that is left out for that.
var (
	ErrCase        = errors.New("name differs from another only by case")
	ErrCaseSkipped = fmt.Errorf("left out: %w", ErrCase)
)

// cases knows the paths that come, in lower case, by a hash of 8 bytes each. It is empty where nobody asks.
type cases struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

// takes reports whether an object that is not there yet may come. What a file system that knows no case has already counts as seen.
func (c *cases) takes(t *transfer, p pair) bool {
	how := t.o.Manner.Case
	if how == "" || how == CaseIgnore || isDir(p.path) {
		return true
	}
	if c.seen == nil {
		c.seed, c.seen = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	h := maphash.String(c.seed, strings.ToLower(p.path))
	_, twice := c.seen[h]
	if !twice {
		_, err := t.tree.Root().Lstat(p.path)
		twice = err == nil
	}
	c.seen[h] = struct{}{}
	switch {
	case !twice:
		return true
	case how == CaseError:
		t.partial()
		t.halt(fmt.Errorf("downloading %s to %s: %w", strconv.Quote(t.st.URL(p.obj.Key)), strconv.Quote(p.path), ErrCase))
		return false
	case how == CaseSkip:
		t.warn(p.obj.Key, p.path, ErrCaseSkipped)
		return false
	}
	t.warn(p.obj.Key, p.path, ErrCase)
	return true
}
