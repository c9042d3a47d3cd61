package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/genepattern/ferry/sync/internal/tree"
)

// A Snapshot is the state of a local tree at one moment, for Options.Since. It takes 16 bytes a file.
type Snapshot struct {
	seed  uint64  // random: whoever makes files does not know which would collide
	files []state // by path
}

// A state is a file as hashes: of its path, and of all that changes when the file does. Two files whose paths collide
// are told apart by the other hash, so that a changed file is missed once in 2^64 at worst.
type state struct{ path, rest uint64 }

// Take records the state of the tree for a later Up with Since. What the filters leave out counts as new then, and so does
// what cannot be read: Take names the first of these in its error, and gives the snapshot of all else beside it. There is
// no snapshot only where ctx ended before the tree was walked.
func (e *Engine) Take(ctx context.Context, root *os.Root, o Options) (*Snapshot, error) {
	t := tree.New(root)
	t.Follow(o.Links)
	defer t.Close()
	s := &Snapshot{seed: rand.Uint64()}
	var errs []error
	for f := range t.Walk(ctx, tree.WalkOptions{NoFollow: o.NoFollow}) {
		switch {
		case !included(o.Filters, f.Path):
		case f.Err == nil:
			s.files = append(s.files, s.stateOf(&f))
		case !errors.Is(f.Err, tree.ErrRefused) && len(errs) < maxErrors:
			errs = append(errs, f.Err)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.SortFunc(s.files, compareStates)
	return s, errors.Join(errs...)
}

func compareStates(a, b state) int {
	switch {
	case a.path < b.path:
		return -1
	case a.path > b.path:
		return 1
	}
	return 0
}

// stateOf uses size, both times, and the mode. The time of the inode changes with every write, also one that sets the
// other time back.
func (s *Snapshot) stateOf(f *tree.Entry) state {
	b := make([]byte, 0, 32)
	if !isDir(f.Path) { // a directory's times change with its files, which speak for themselves
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Size))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.ModTime.UnixNano()))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Change.UnixNano()))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Mode))
	return state{s.hash([]byte(f.Path)), s.hash(b)}
}

func (s *Snapshot) hash(b []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(s.seed)
	_, _ = d.Write(b) // it never fails
	return d.Sum64()
}

// snapshotMark begins a snapshot's bytes. Another form of them gets another mark.
const snapshotMark = "ferry snapshot 1\n"

// MarshalBinary gives the snapshot to another process: the mark, the seed, and 16 bytes a file. It never fails.
func (s *Snapshot) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, len(snapshotMark)+8+16*len(s.files))
	b = append(b, snapshotMark...)
	b = binary.LittleEndian.AppendUint64(b, s.seed)
	for _, f := range s.files {
		b = binary.LittleEndian.AppendUint64(b, f.path)
		b = binary.LittleEndian.AppendUint64(b, f.rest)
	}
	return b, nil
}

// errNoSnapshot is the error of bytes that are no snapshot's.
var errNoSnapshot = errors.New("not a snapshot of ferry's")

// UnmarshalBinary makes the snapshot what MarshalBinary was called on.
func (s *Snapshot) UnmarshalBinary(b []byte) error {
	rest, ok := bytes.CutPrefix(b, []byte(snapshotMark))
	if !ok || len(rest)%16 != 8 {
		return errNoSnapshot
	}
	read := func() uint64 { n := binary.LittleEndian.Uint64(rest); rest = rest[8:]; return n }
	s.seed, s.files = read(), make([]state, 0, len(rest)/16)
	for len(rest) > 0 {
		s.files = append(s.files, state{read(), read()})
	}
	if !slices.IsSortedFunc(s.files, compareStates) {
		return errNoSnapshot
	}
	return nil
}

// changed says whether the file is to be sent, and why.
func (s *Snapshot) changed(f *tree.Entry) (bool, string) {
	now := s.stateOf(f)
	i, found := slices.BinarySearchFunc(s.files, now, compareStates)
	if !found {
		return true, "new"
	}
	for ; i < len(s.files) && s.files[i].path == now.path; i++ {
		if s.files[i].rest == now.rest {
			return false, "unchanged since the snapshot"
		}
	}
	return true, "changed"
}
