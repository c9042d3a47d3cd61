package submit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A desk is a scheduler that keeps what it gets, and runs nothing.
type desk struct {
	scheduler.Scheduler // what is not planned panics

	mu     sync.Mutex
	tasks  []scheduler.Task
	report scheduler.Report
	cancel []string
	submit func(scheduler.Task) error // what goes wrong after a task arrived
	find   error
}

func (d *desk) Submit(_ context.Context, t scheduler.Task) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.submit != nil {
		if err := d.submit(t); err != nil {
			return "", err
		}
	}
	d.tasks = append(d.tasks, t)
	return "id-" + t.Name, nil
}

func (d *desk) Find(_ context.Context, name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.find != nil {
		return "", d.find
	}
	for _, t := range d.tasks {
		if t.Name == name {
			return "id-" + name, nil
		}
	}
	return "", scheduler.ErrUnknown
}

func (d *desk) Look(context.Context, string, []int) (scheduler.Report, error) { return d.report, nil }

func (d *desk) Cancel(_ context.Context, id string) error {
	d.cancel = append(d.cancel, id)
	return nil
}

// rig is a client that submits to a desk, from a machine with one directory.
type rig struct {
	*submit.Client
	t      *testing.T
	desk   *desk
	dir    string // of this machine
	remote string
	warned []string
	store  func(store.Store) store.Store // wraps each store; nil for none
}

func newRig(t *testing.T) *rig {
	t.Helper()
	submit.NoPause(t)
	r := &rig{t: t, desk: &desk{report: scheduler.Report{Phase: scheduler.Running}}, dir: t.TempDir(), remote: "file://" + t.TempDir()}
	opener, err := stores.All.Opener(nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opener.Close() })
	r.Client = &submit.Client{
		Open: func(ctx context.Context, url string) (store.Store, string, error) {
			st, prefix, err := opener.Open(ctx, url)
			if err == nil && r.store != nil {
				st = r.store(st)
			}
			return st, prefix, err
		},
		Transfer: ferrysync.New(ferrysync.Config{}), Book: handle.Book{Dir: filepath.Join(t.TempDir(), "jobs")},
		Origin: handle.Origin{Host: "here", User: "me"},
		Warn:   func(format string, args ...any) { r.warned = append(r.warned, fmt.Sprintf(format, args...)) },
		Scheduler: func(target string, _ map[string][]string) (scheduler.Scheduler, error) {
			if target != "desk" {
				return nil, errors.New("no such target")
			}
			return r.desk, nil
		},
	}
	return r
}

// order is one for a job in a directory of this machine. options are NAME=VALUE.
func (r *rig) order(work string, options ...string) submit.Order {
	o := submit.Order{Target: "desk", Cwd: r.dir, Describe: describe, Command: []string{"true"}, Settings: job.Settings{
		"image": {Values: []string{"debian"}, From: "--image"}, "remote": {Values: []string{r.remote}, From: "--remote"}}}
	if work != "" {
		o.Settings["workdir"] = job.Setting{Values: []string{work}, From: "--workdir"}
	}
	for _, kv := range options {
		name, value, _ := strings.Cut(kv, "=")
		s := o.Settings[name]
		o.Settings[name] = job.Setting{Values: append(s.Values, value), From: "--" + name}
	}
	return o
}

func describe(s job.Settings) (job.Job, error) {
	v := job.Vocabulary{Engines: []string{"docker"}, Root: func(string) error { return nil }, Source: func(string) error { return nil }}
	return v.Describe(s, func(name string) (string, bool) {
		if name == "ODD" {
			return "a\xffb", true
		}
		return "from here", true
	})
}

// put writes a file of this machine.
func (r *rig) put(name, text string) {
	r.t.Helper()
	p := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// stored is a file of the store: that which a path of this machine goes to.
func (r *rig) stored(name string) string {
	data, err := os.ReadFile(filepath.Join(strings.TrimPrefix(r.remote, "file://"), r.dir, name))
	if err != nil {
		return "none: " + err.Error()
	}
	return string(data)
}

func (r *rig) mustSubmit(o submit.Order) submit.Status {
	r.t.Helper()
	st, err := r.Submit(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// putStored writes a file of the store.
func (r *rig) putStored(name, text string) {
	r.t.Helper()
	p := filepath.Join(strings.TrimPrefix(r.remote, "file://"), r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}
