package wrapper_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
)

// panicky is a bug: its Image panics.
type panicky struct{ engine.Engine }

func (panicky) Image(context.Context, string, engine.Login) (engine.Image, error) { panic("a bug") }

func TestPanicIsRecorded(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	d := s.deps()
	d.Engine = panicky{s.engine}
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), d)
	s.nothingLeft()
	if r := s.ended(out, 70, cause.Internal); !strings.Contains(r.Error, "a bug") || r.Hint == "" {
		t.Errorf("error %q, hint %q", r.Error, r.Hint)
	}
}

// startled is a bug: its List panics, when the job's lock is held.
type startled struct{ engine.Engine }

func (startled) List(context.Context, map[string]string) ([]engine.Found, error) { panic("a bug") }

// A panic while the place for a job is made leaves no place, and those who wait for the job are told.
func TestPanicInPrepare(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	d := s.deps()
	d.Engine = startled{s.engine}
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), d)
	s.nothingLeft()
	s.ended(out, 70, cause.Internal)
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, cause.None) // nobody holds the lock
}

// mute is a store that takes nothing any more from the moment on that it is asked to store a result.
type mute struct {
	store.Store
	gone chan struct{}
}

func (m *mute) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	select {
	case <-m.gone:
		return store.Object{}, store.ErrUnreachable
	default:
	}
	if strings.HasSuffix(key, "r.txt") {
		close(m.gone)
		return store.Object{}, store.ErrUnreachable
	}
	return m.Store.Put(ctx, key, b, o)
}

// A store that goes away during stage out never says that the job succeeded; the record stays on the node, and goes once
// a later run of the job was able to tell.
func TestStoreGoesAwayDuringStageOut(t *testing.T) {
	s := newRig(t)
	s.exec("echo x > r.txt; echo y > s.txt; echo '{ \"exit_code\": 0 }' > .gp_metadata/exit_code.txt")
	d := s.deps()
	open := d.Open
	d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
		st, prefix, err := open(ctx, url)
		return &mute{Store: st, gone: make(chan struct{})}, prefix, err
	}
	j := s.job(testenv.ModuleImage(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out := wrapper.Run(ctx, ctx, j, d)
	if out.Code != 73 || s.meta("exit_code.txt") != "" || !strings.Contains(s.meta("run.json"), `"exit_code": 73`) {
		t.Errorf("%+v; exit code in the store %q, record %s", out, s.meta("exit_code.txt"), s.meta("run.json"))
	}
	kept := filepath.Join(s.local, ".ferry", "t1.1.json")
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{`"/jobs/1/r.txt"`, `"exit_code": 73`, `"state": "done"`}
	if s.get("jobs/1/s.txt") == "" { // the two go up beside each other
		wanted = append(wanted, `"/jobs/1/s.txt"`)
	}
	for _, want := range wanted {
		if !strings.Contains(string(text), want) {
			t.Errorf("the record on the node lacks %s", want)
		}
	}
	if names, err := node.Unsent(s.local); err != nil || len(names) != 1 || names[0] != kept {
		t.Errorf("Unsent = %q, %v", names, err)
	}
	s.ended(s.run(j), 0, cause.None) // and nothing is left, the record included
}
