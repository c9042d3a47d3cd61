package wrapper_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/record"
)

// A witness notes, of each object that is put under one of ferry's own names, whether it is forged, and the order.
type witness struct {
	store.Store
	dir string

	mu     *sync.Mutex
	forged map[string]int
	order  *[]string
}

func (w witness) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	obj, err := w.Store.Put(ctx, key, b, o)
	data, readErr := os.ReadFile(filepath.Join(w.dir, key))
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.order = append(*w.order, key)
	if readErr == nil && strings.Contains(string(data), "forged") {
		w.forged[key]++
	}
	return obj, err
}

// forger changes each name of ferry's, some hundred times a second, into a file, a link, a directory and a pipe, and writes into the
// files that ferry has made. No name has the word "forged": a message of the shell that loses a race has names, and is honest.
const forger = `cd /jobs/1/.gp_metadata
echo '{"state":"done","exit_code":0,"forged":true}' > /jobs/1/fake; echo gone > /jobs/1/turns
end=$(( $(date +%s) + 8 ))
while [ $(date +%s) -lt $end ]; do
	for n in run.json transfer.log dockerout.log dockererr.log docker_stats.txt docker_exit_code.txt docker_container_used.json exit_code.txt; do
		[ -f $n ] && echo forged >> $n
		ln /jobs/1/fake .new; mv -f .new $n
		rm -f $n; ln -s ../fake $n
		rm -f $n; mkdir $n; echo forged > $n/in
		rm -rf $n; mkfifo $n
		rm -f $n; cp /jobs/1/fake $n
	done
	echo x >> /jobs/1/turns
done
`

// A module that lays a "done" record and an exit code under ferry's names, as often as it can, has none of it sent: neither while it
// runs nor at its end. What it leaves as its exit code counts, and goes up when the outcome is told.
func TestForgedFiles(t *testing.T) {
	for name, more := range map[string][]string{"mounted": nil, "copied": {"stage", "copy"}} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.exec(forger, "rm -rf exit_code.txt; echo '{ \"exit_code\": 5 }' > exit_code.txt; echo said")
			w := witness{dir: s.store, mu: &sync.Mutex{}, forged: map[string]int{}, order: &[]string{}}
			d := s.deps()
			open := d.Open
			d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
				st, prefix, err := open(ctx, url)
				x := w
				x.Store = st
				return x, prefix, err
			}
			out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), more...), d)
			s.nothingLeft()
			s.ended(out, 5, cause.None)
			const meta = "jobs/1/.gp_metadata/"
			for _, n := range append(record.OwnNames(), "exit_code.txt") {
				if w.forged[meta+n] > 0 {
					t.Errorf("%s went up %d times as the module forged it", n, w.forged[meta+n])
				}
				if st, err := os.Lstat(filepath.Join(s.store, meta+n)); err != nil || !st.Mode().IsRegular() {
					t.Errorf("the store's %s: %v", n, err)
				}
			}
			if got := s.meta("dockerout.log"); got != "said\n" {
				t.Errorf("dockerout.log: %q", got)
			}
			if turns := strings.Count(s.get("jobs/1/turns"), "x"); turns < 3 {
				t.Errorf("the module went round %d times only", turns)
			}
			first := strings.Index(strings.Join(*w.order, " "), meta+"exit_code.txt")
			if first < strings.Index(strings.Join(*w.order, " "), "jobs/1/turns") {
				t.Errorf("the exit code went up before the results: %q", *w.order)
			}
		})
	}
}
