package wrapper

import (
	"context"
	"strings"
	"sync"

	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// fileTypes counts the inputs of which it is not known yet whether they are files or directories. ready is closed once all are
// known. It is safe for concurrent use.
type fileTypes struct {
	mu    sync.Mutex
	left  int
	ready chan struct{}
}

func newFileTypes(unknown []job.Input) *fileTypes {
	f := &fileTypes{left: len(unknown), ready: make(chan struct{})}
	if f.left == 0 {
		close(f.ready)
	}
	return f
}

// known counts one input as known. It is called once for each.
func (f *fileTypes) known() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left == 0 {
		close(f.ready)
	}
}

// progress says which inputs are staged in. It is safe for concurrent use.
type progress struct {
	inputs []job.Input
	end    map[string]chan struct{}
}

func newProgress(inputs []job.Input) *progress {
	p := &progress{inputs: inputs, end: map[string]chan struct{}{}}
	for _, in := range inputs {
		p.end[in.Path] = make(chan struct{})
	}
	return p
}

func (p *progress) done(in job.Input) { close(p.end[in.Path]) }

// wait is Workspace.Staged. A stage in that failed cancels ctx, and so ends the wait.
func (p *progress) wait(ctx context.Context, name string) (url string, err error) {
	holder := 0
	for _, in := range p.inputs {
		if !subpath.Within(in.Path, name) && !subpath.Within(name, in.Path) {
			continue
		}
		select {
		case <-p.end[in.Path]:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if subpath.Within(in.Path, name) && len(in.Path) > holder {
			holder = len(in.Path)
			url = strings.TrimSuffix(in.URL, "/") + strings.TrimPrefix(name, in.Path)
		}
	}
	return url, nil
}
