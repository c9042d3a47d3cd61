package node

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// keptAge is how long results are kept. A store that was away for a month takes nothing of these jobs any more.
	keptAge = 30 * 24 * time.Hour
	// keptRoom is the part of the disk, one in so many, that is left free where older results would be kept.
	keptRoom = 10
)

// TrimKept removes kept results: all that are older than 30 days, and the oldest until a tenth of their disk is free, in bytes and in
// files. The newest stays, however little room there is. What another ferry sends right now stays, too. It gives the places.
func TrimKept(ctx context.Context, prefix string) (removed []string, err error) {
	return trimKept(ctx, prefix, func() bool { return hasRoom(prefix) }, time.Now().Add(-keptAge))
}

func trimKept(ctx context.Context, prefix string, room func() bool, since time.Time) (removed []string, err error) {
	all, err := keptByAge(prefix)
	for i, k := range all {
		if err != nil || ctx.Err() != nil {
			return removed, errors.Join(err, ctx.Err())
		}
		if !k.at.Before(since) && (i == len(all)-1 || room()) {
			break // what follows is newer
		}
		tree, e := OpenKept(prefix, k.name)
		if e != nil {
			continue // it is being sent, or is gone
		}
		place := tree.Place
		if err = tree.Drop(); err == nil {
			removed = append(removed, place)
			err = EmptyTrash(ctx, prefix)
		}
	}
	return removed, err
}

// A keptName is the name of what is kept, and since when it is.
type keptName struct {
	name string
	at   time.Time
}

// keptByAge are the names of what is kept, the oldest first.
func keptByAge(prefix string) (all []keptName, err error) {
	names, err := Kept(prefix)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	s, err := openShelf(prefix, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, n := range names {
		if st, err := s.Lstat(path.Join(keptDir, n, manifestName)); err == nil {
			all = append(all, keptName{n, st.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b keptName) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	return all, nil
}

// hasRoom reports whether enough of the disk is free. A file system that does not tell has room.
func hasRoom(prefix string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Join(prefix, ownDir), &st); err != nil {
		return true
	}
	return st.Bavail >= st.Blocks/keptRoom && st.Ffree >= st.Files/keptRoom
}
