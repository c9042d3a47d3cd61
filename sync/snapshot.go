package sync

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"os"
	"slices"

	"github.com/genepattern/ferry/sync/internal/tree"
)

// A Snapshot is the state of a local tree at one moment, for Options.Since. It takes 16 bytes a file.
type Snapshot struct {
	seed  maphash.Seed
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
	s := &Snapshot{seed: maphash.MakeSeed()}
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
	return state{maphash.String(s.seed, f.Path), maphash.Bytes(s.seed, b)}
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
