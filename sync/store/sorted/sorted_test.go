package sorted

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// made is a listing of n objects in no order.
func made(n int, after error) (iter.Seq2[store.Object, error], []store.Object) {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var all []store.Object
	for i := range n {
		all = append(all, store.Object{
			Key: fmt.Sprintf("dir%d/%s-é\x01-%d", i%7, strings.Repeat("k", i%50), i), Size: int64(i) << (i % 40), ETag: fmt.Sprintf(`"%d"`, i),
			ModTime: time.Unix(int64(i)*1e6, int64(i)).UTC(), Archived: i%3 == 0,
		})
	}
	random.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return func(yield func(store.Object, error) bool) {
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
		if after != nil {
			yield(store.Object{}, after)
		}
	}, all
}

// Whatever the budget, all objects come whole and in order.
func TestList(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000, 5000} {
		for _, budget := range []int{1, 1000, 100_000, Budget} {
			list, want := made(n, nil)
			want = slices.Clone(want)
			slices.SortFunc(want, func(a, b store.Object) int { return strings.Compare(a.Key, b.Key) })
			if budget == 1 && n > 1000 {
				continue // a run for each object
			}
			i := 0
			for o, err := range List(t.Context(), list, budget) {
				if err != nil || o != want[i] {
					t.Fatalf("%d objects, budget %d: %d is %+v, %v; want %+v", n, budget, i, o, err, want[i])
				}
				i++
			}
			if i != n {
				t.Errorf("%d objects, budget %d: got %d", n, budget, i)
			}
		}
	}
}

// Of one key listed twice the last counts; who stops early leaves nothing running; errors arrive.
func TestListEnds(t *testing.T) {
	twice := func(yield func(store.Object, error) bool) {
		for i, k := range []string{"b", "a", "b", "c", "a"} {
			if !yield(store.Object{Key: k, Size: int64(i)}, nil) {
				return
			}
		}
	}
	for _, budget := range []int{1, Budget} {
		var got []string
		for o, err := range List(t.Context(), twice, budget) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(o.Key, o.Size))
		}
		if !slices.Equal(got, []string{"a4", "b2", "c3"}) {
			t.Errorf("budget %d: %v", budget, got)
		}
	}
	list, _ := made(100, nil)
	for _, err := range List(t.Context(), list, 1000) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	why := errors.New("why")
	list, _ = made(100, why)
	for _, err := range List(t.Context(), list, 1000) {
		if !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	list, _ = made(3, nil)
	for _, err := range List(ctx, list, 1000) {
		if !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	}
	t.Setenv("TMPDIR", "/dev/null/nowhere")
	list, _ = made(100, nil)
	for _, err := range List(t.Context(), list, 1000) {
		if err == nil {
			t.Error("a disk that is not there takes objects")
		}
	}
}
