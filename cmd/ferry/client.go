package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/schedulers"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// stateDir is where ferry keeps what a user's later commands have to know.
// https://specifications.freedesktop.org/basedir-spec/latest/
func (w world) stateDir() (string, error) {
	if dir, _ := w.lookup("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ferry"), nil
	}
	home, _ := w.lookup("HOME")
	if !filepath.IsAbs(home) {
		return "", cause.Fail(cause.Usage, "set XDG_STATE_HOME to a directory of yours", "neither XDG_STATE_HOME nor HOME says where ferry may keep the ids of jobs")
	}
	return filepath.Join(home, ".local", "state", "ferry"), nil
}

// newClient makes what submits jobs and asks about them.
func newClient(w world, settings store.Settings, log zerolog.Logger) (*submit.Client, *teller, error) {
	state, err := w.stateDir()
	if err != nil {
		return nil, nil, err
	}
	opener, err := stores.All.Opener(settings, w.lookup)
	if err != nil {
		return nil, nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	tell := newTeller(w)
	c := &submit.Client{
		Open: opener.Open, Transfer: ferrysync.New(ferrysync.Config{}), Book: handle.Book{Dir: filepath.Join(state, "jobs")},
		Origin: origin(), Progress: &tell.progress, Warn: tell.warn,
		Scheduler: func(target string, given map[string][]string) (scheduler.Scheduler, error) {
			return schedulers.All.Open(scheduler.Host{Lookup: w.lookup, Environ: w.environ, Executable: exe, State: state, Settings: given, Version: version}, target)
		},
	}
	return c, tell, nil
}

// origin is this machine and this user.
func origin() handle.Origin {
	o := handle.Origin{Version: version}
	if host, err := os.Hostname(); err == nil {
		o.Host = host
	}
	if u, err := user.Current(); err == nil {
		o.User = u.Username
	}
	return o
}

// A teller tells people what happens, on stderr: a line for each state, and on a terminal a bar while something is sent or fetched. It is
// safe for concurrent use.
type teller struct {
	w        world
	progress ferrysync.Progress

	mu  sync.Mutex
	bar *bar // nil while nothing moves
}

func newTeller(w world) *teller { return &teller{w: w} }

// transfer shows a bar on a terminal from the first file that is sent or fetched on, until end is called.
func (t *teller) transfer() (end func()) {
	if !terminal(t.w.stderr) {
		return func() {}
	}
	before := since(&t.progress)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			t.draw(before)
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		wg.Wait()
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.bar != nil {
			t.bar.end()
			t.bar = nil
		}
	})
}

func (t *teller) draw(p progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bar == nil && p.files() > 0 {
		t.bar = newBar(t.w.stderr, p)
	}
	if t.bar != nil {
		t.bar.move()
	}
}

// say prints a line, above the bar where there is one.
func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.w.stderr
	if t.bar != nil {
		out = t.bar.bars
	}
	fmt.Fprintf(out, format+"\n", args...)
}

func (t *teller) warn(format string, args ...any) {
	t.say("ferry: warning: %s", oneLine(fmt.Sprintf(format, args...)))
}
