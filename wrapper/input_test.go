package wrapper_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
)

// lister notes what is listed.
type lister struct {
	store.Store
	mu     *sync.Mutex
	listed *[]string
}

func (l lister) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	l.mu.Lock()
	*l.listed = append(*l.listed, prefix)
	l.mu.Unlock()
	return l.Store.List(ctx, prefix)
}

// runListed runs a job and says what of its stores was listed.
func (s *rig) runListed(settings ...string) (wrapper.Outcome, []string) {
	s.t.Helper()
	var mu sync.Mutex
	var listed []string
	d := s.deps()
	open := d.Open
	d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
		st, prefix, err := open(ctx, strings.TrimPrefix(url, "file://"))
		return lister{st, &mu, &listed}, prefix, err
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	out := wrapper.Run(ctx, ctx, s.job(testenv.ModuleImage(s.t), settings...), d)
	s.nothingLeft()
	return out, listed
}

// An input is a file where the store has an object of its name. It is asked for by that name and never listed, and the
// module sees a file; one that is a directory is listed as before.
func TestInputsAreFilesOrDirectories(t *testing.T) {
	for _, stage := range []string{"mount", "copy"} {
		t.Run(stage, func(t *testing.T) {
			s := newRig(t)
			elsewhere := t.TempDir()
			if err := os.WriteFile(filepath.Join(elsewhere, "x.fa"), []byte(">x\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			s.put("up/a b.gct", "matrix\n")
			s.put("up/other.gct", "not asked for\n")
			s.put("empty.txt", "")
			s.put("dir/deep/one.txt", "one\n")
			s.exec("set -e", `test -f "/up/a b.gct"; test ! -e /up/other.gct`, "test -f /db/x.fa; test -x /db/x.fa", "test -f /empty.txt; test ! -s /empty.txt",
				`cat "/up/a b.gct" /db/x.fa /dir/deep/one.txt > r.txt`)
			out, listed := s.runListed("stage", stage, "input", "/up/a b.gct", "input", "/db/x.fa=file://"+elsewhere+"/x.fa", "input", "/empty.txt", "input", "/dir")
			s.ended(out, 0, cause.None)
			if got := s.get("jobs/1/r.txt"); got != "matrix\n>x\none\n" {
				t.Errorf("the module saw %q", got)
			}
			for _, prefix := range listed {
				if strings.HasPrefix(prefix, "up") || strings.Contains(prefix, "x.fa") {
					t.Errorf("listed %q", prefix)
				}
			}
			if n := s.record().Transfers["stage-in"].Files; n != 5 { // exec.sh and the four inputs
				t.Errorf("%d files were staged in", n)
			}
		})
	}
}

// What is neither a file nor a directory is named as it always was.
func TestInputThatIsNotThere(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	out, _ := s.runListed("input", "/nothing/here.gct")
	r := s.ended(out, 65, cause.StageIn)
	if !strings.Contains(r.Error, `nothing is in the store at "`+s.store+`/nothing/here.gct"`) || r.Hint == "" {
		t.Errorf("error %q, hint %q", r.Error, r.Hint)
	}
}

// A private input that is a file does not outlive the job on the node either.
func TestPrivateFileIsRemoved(t *testing.T) {
	s := newRig(t)
	s.put("users/ann/up.gct", "secret\n")
	s.exec("cat /users/ann/up.gct > r.txt")
	j := s.job(testenv.ModuleImage(t), "input", "/users/ann/up.gct", "user-id", "ann", "keep", "true")
	out := wrapper.Run(t.Context(), t.Context(), j, s.deps())
	r := s.ended(out, 0, cause.None)
	if _, err := os.Stat(filepath.Join(s.local, "t1.1", "users/ann")); !os.IsNotExist(err) {
		t.Errorf("the private input is still there: %v", err)
	}
	c, err := s.engine.Attach(t.Context(), r.Container)
	if err == nil {
		err = c.Remove(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

// slow is a store that opens one object late.
type slow struct {
	store.Store
	key string
}

func (s slow) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	if key == s.key {
		select {
		case <-time.After(300 * time.Millisecond): // long after all else was stored
		case <-ctx.Done():
		}
	}
	return s.Store.Open(ctx, key, o)
}

// A file inside an input directory, of another store, is that file, whichever of the two comes first.
func TestInputFileInsideAnInputDirectory(t *testing.T) {
	for _, late := range []string{"x", "in/a.gct"} {
		t.Run(late, func(t *testing.T) {
			s := newRig(t)
			elsewhere := t.TempDir()
			if err := os.WriteFile(filepath.Join(elsewhere, "x"), []byte("the file's\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			s.put("in/a.gct", "the directory's\n")
			s.put("in/b.gct", "b\n")
			s.exec("cat /in/a.gct /in/b.gct > r.txt")
			d := s.deps()
			open := d.Open
			d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
				st, prefix, err := open(ctx, strings.TrimPrefix(url, "file://"))
				return slow{st, late}, prefix, err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			j := s.job(testenv.ModuleImage(t), "input", "/in", "input", "/in/a.gct=file://"+elsewhere+"/x")
			s.ended(wrapper.Run(ctx, ctx, j, d), 0, cause.None)
			s.nothingLeft()
			if got := s.get("jobs/1/r.txt"); got != "the file's\nb\n" {
				t.Errorf("the module saw %q", got)
			}
		})
	}
}
