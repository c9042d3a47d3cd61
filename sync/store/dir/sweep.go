package dir

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

var _ store.SelfSweeper = (*Store)(nil)

// SweepsItself: the first file that is made in a directory removes what killed processes left there.
func (s *Store) SweepsItself() {}

// Unfinished yields the files in the making, whatever object each was to become, in the directory that prefix names and below it. They are
// those whose writer is dead.
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[store.Unfinished, error] {
	return func(yield func(store.Unfinished, error) bool) {
		store.CounterOf(ctx).Requests.Add(1)
		t, err := s.open(false)
		if err != nil {
			yield(store.Unfinished{}, err)
			return
		}
		under, _ := tree.Split(prefix)
		for l, err := range t.Leftovers(ctx, under) {
			if err != nil {
				err = fmt.Errorf("listing %s: %w", strconv.Quote(s.URL(prefix)), err)
			}
			if !yield(store.Unfinished{Key: l.Path, Begun: l.Last, Last: l.Last, Bytes: l.Size}, err) || err != nil {
				return
			}
		}
	}
}

// Abandon removes one.
func (s *Store) Abandon(ctx context.Context, u store.Unfinished) error {
	store.CounterOf(ctx).Requests.Add(1)
	t, err := s.open(false)
	if err != nil {
		return err
	}
	removed, err := t.RemoveLeftover(u.Key)
	if err != nil {
		return s.wrap("removing", u.Key, err)
	}
	if !removed {
		return missing(s.URL(u.Key))
	}
	return nil
}
