package syncscript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
)

// maxSteps bounds how many statements of a script run at once. Transfers are bounded by their engine's pool, which they
// share; this bounds what waits.
const maxSteps = 64

// Stager runs the job's sync script in this process: no shell, no AWS CLI, no other program. The zero value is ready.
type Stager struct {
	// Proxy says which proxy a wget goes through, as in http.Transport; nil for none.
	Proxy func(*http.Request) (*url.URL, error)

	guard egress.Guard
}

var _ wrapper.Stager = Stager{}

// StageIn checks the whole script, then runs it. What it writes stays in the attempt's root. A transfer that fails ends
// the job unless the script says what then (||); a file that is not in the store, and any other command that fails, is a
// warning. It returns once every step has ended, also where ctx is cancelled. The walltime bounds it.
func (st Stager) StageIn(ctx context.Context, s wrapper.Workspace) (ferrysync.Stats, error) {
	if s.Job.Files.SyncScript == "" {
		return ferrysync.Stats{}, nil
	}
	src, err := read(s)
	if err != nil {
		return ferrysync.Stats{}, err
	}
	nodes, err := compile(s.Job.Files.SyncScript, src, s.Job)
	if err != nil {
		return ferrysync.Stats{}, err
	}
	if s.Job.Walltime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.Job.Walltime, errWalltime)
		defer cancel()
	}
	r := &runner{work: s, opened: map[string]store.Store{}, client: newClient(st.guard, st.Proxy), dial: st.guard.Dial}
	defer r.client.CloseIdleConnections()
	r.run(ctx, nodes)
	switch {
	case errors.Is(context.Cause(ctx), errWalltime):
		return r.stats, &cause.Error{Cause: cause.Walltime, Err: errWalltime}
	case ctx.Err() != nil:
		return r.stats, &cause.Error{Cause: cause.Interrupted, Err: fmt.Errorf("sync script %q: %w", s.Job.Files.SyncScript, context.Cause(ctx))}
	}
	return r.stats, r.firstFailure()
}

var errWalltime = errors.New("the run limit was reached while staging in")

// read reads the script from the metadata dir.
func read(s wrapper.Workspace) ([]byte, error) {
	name := path.Join(s.Job.Dirs.Metadata, s.Job.Files.SyncScript)
	f, err := s.Root.OpenFile(name[1:], os.O_RDONLY|nonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cause.Fail(cause.StageIn, "GP_AWS_SYNC_SCRIPT_NAME names it", "sync script %q is not in the metadata dir %q", s.Job.Files.SyncScript, s.Job.Dirs.Metadata)
	}
	if err != nil {
		return nil, cause.Fail(cause.StageIn, "", "sync script %q: %w", s.Job.Files.SyncScript, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err != nil {
		return nil, cause.Fail(cause.StageIn, "", "sync script %q: %w", s.Job.Files.SyncScript, err)
	}
	if len(src) > maxScript {
		return nil, cause.Fail(cause.Refused, "", "sync script %q is larger than %d bytes", s.Job.Files.SyncScript, maxScript)
	}
	return src, nil
}

// A runner runs one script.
type runner struct {
	work   wrapper.Workspace
	client *http.Client
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	stores sync.Mutex
	opened map[string]store.Store // by bucket

	mu       sync.Mutex
	stats    ferrysync.Stats
	failures []*lineError
}

// run starts the steps in order, each as soon as what it has to wait for has ended.
func (r *runner) run(ctx context.Context, nodes []node) {
	o := newOrder()
	ended := make([]chan struct{}, len(nodes))
	slots := make(chan struct{}, maxSteps)
	var all sync.WaitGroup
	for i, n := range nodes {
		ended[i] = make(chan struct{})
		before, prior, every := o.add(claimed(n))
		// A step waits only for earlier ones, which have their slots already.
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			defer close(ended[i])
			for _, j := range before {
				<-ended[j]
			}
			for j := 0; every && j < i; j++ {
				<-ended[j]
			}
			t := &task{runner: r, ctx: ctx, turn: func() {
				for _, j := range prior {
					<-ended[j]
				}
			}}
			_ = n.run(t) // what counts of a failure is kept by failed
			t.write()
		})
	}
	all.Wait()
}

// claimed is what a step may change, and where its output goes; "" is the transfer log.
func claimed(n node) (touches, outputs []string) {
	outputs = []string{""}
	n.each(func(s *simple) {
		touches = append(touches, s.do.touches()...)
		for _, r := range s.redirs {
			if r.path != "" {
				outputs = append(outputs, r.path)
			}
		}
	})
	return touches, outputs
}

// failed notes the failure of a command. A full disk is the job's failure, whatever the script says then.
func (r *runner) failed(s *simple, err error) {
	if errors.Is(err, errMissing) {
		return // warned of by name
	}
	if s.guarded && cause.Of(err) != cause.Disk || !hard(err) {
		r.warn(fmt.Sprintf("sync script %q, line %d: %s: %v", r.work.Job.Files.SyncScript, s.line, s.name, err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, &lineError{s.line, fmt.Errorf("%s: %w", s.name, err)})
}

// firstFailure is the failure that stands first in the script, with the number of the others.
func (r *runner) firstFailure() error {
	if len(r.failures) == 0 {
		return nil
	}
	first := r.failures[0]
	for _, f := range r.failures {
		if f.line < first.line {
			first = f
		}
	}
	more := ""
	if n := len(r.failures) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return &cause.Error{Cause: cause.Of(first.err), Hint: cause.HintOf(first.err),
		Err: fmt.Errorf("sync script %q, line %d: %w%s", r.work.Job.Files.SyncScript, first.line, first.err, more)}
}

func (r *runner) warn(text string) {
	r.log("warning: " + text + "\n")
	if r.work.Warn != nil {
		r.work.Warn("%s", text)
	}
}

func (r *runner) log(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.work.Log != nil && text != "" {
		_, _ = io.WriteString(r.work.Log, text) // a log that cannot be written fails no transfer
	}
}

func (r *runner) count(s ferrysync.Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Add(s)
}
