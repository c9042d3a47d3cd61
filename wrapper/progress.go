package wrapper

import (
	"context"
	"strings"
	"sync"

	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// fileTypes says of inputs that may be either whether they are files or directories. ready is closed once it is known of all.
// It is safe for concurrent use.
type fileTypes struct {
	ready chan struct{}

	mu      sync.Mutex
	left    int
	unknown map[string]chan struct{} // by path, closed once known
	files   map[string]bool
}

func newFileTypes(unknown []job.Input) *fileTypes {
	f := &fileTypes{ready: make(chan struct{}), left: len(unknown), unknown: map[string]chan struct{}{}, files: map[string]bool{}}
	for _, in := range unknown {
		f.unknown[in.Path] = make(chan struct{})
	}
	if f.left == 0 {
		close(f.ready)
	}
	return f
}

// known says what an input is, and that it is in its place if it is a file. It is called once for each.
func (f *fileTypes) known(in job.Input, isFile bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[in.Path] = isFile
	close(f.unknown[in.Path])
	if f.left--; f.left == 0 {
		close(f.ready)
	}
}

// within are the inputs inside a directory that may be files.
func (f *fileTypes) within(dir string) (all []string) {
	for p := range f.unknown {
		if p != dir && subpath.Within(dir, p) {
			all = append(all, p)
		}
	}
	return all
}

// inside waits until it is known of all inputs inside a directory what they are, and gives the files. A stage in that failed
// cancels ctx, and so ends the wait.
func (f *fileTypes) inside(ctx context.Context, dir string) (files []string, err error) {
	for _, p := range f.within(dir) {
		select {
		case <-f.unknown[p]:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		f.mu.Lock()
		if f.files[p] {
			files = append(files, p)
		}
		f.mu.Unlock()
	}
	return files, nil
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
