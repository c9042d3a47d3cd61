package syncscript

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// maxOutput bounds what one step keeps of its output until its turn to write it, in bytes: some 10,000 lines.
const maxOutput = 2 << 20

// A task is one step of a script while it runs. Its output is kept and written when the steps before it have written
// theirs.
type task struct {
	*runner
	ctx  context.Context
	turn func() // returns once the steps before this one have written their output
	kept []chunk
	size int

	outTo, errTo *redirect // of the command that runs now; nil is the transfer log
}

// A chunk is output for one destination.
type chunk struct {
	to   *redirect
	text strings.Builder
}

func (s *simple) run(t *task) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if len(t.kept) > 0 {
		t.write() // what follows may read, move or remove it
	}
	t.outTo, t.errTo = nil, nil
	for i := range s.redirs {
		t.redirect(&s.redirs[i])
	}
	err := t.await(s.do)
	if err == nil {
		err = s.do.do(t.ctx, t)
	}
	if err == nil || err == errFalse {
		return err
	}
	if t.ctx.Err() != nil {
		return err // the job is told to stop, which is no fault of the script
	}
	t.stderr(fmt.Sprintf("%s: %v\n", s.name, err))
	t.failed(s, err)
	return err
}

func (l *list) run(t *task) error {
	if err := l.x.run(t); (err == nil) == l.or || t.ctx.Err() != nil {
		return err
	}
	return l.y.run(t)
}

func (b block) run(t *task) error {
	var err error
	for _, n := range b {
		err = n.run(t)
	}
	return err
}

// redirect takes one redirection, from left to right as a shell does. The file is there even where nothing is written.
func (t *task) redirect(r *redirect) {
	if r.dup {
		if r.out {
			t.outTo = t.errTo
		} else {
			t.errTo = t.outTo
		}
		return
	}
	if r.out {
		t.outTo = r
	}
	if r.err {
		t.errTo = r
	}
	t.kept = append(t.kept, chunk{to: r})
}

func (t *task) stdout(text string) { t.keep(t.outTo, text) }
func (t *task) stderr(text string) { t.keep(t.errTo, text) }

// keep is safe for concurrent use, as a transfer's events are.
func (t *task) keep(to *redirect, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if to != nil && to.path == "" {
		return // /dev/null
	}
	if t.size += len(text); t.size > maxOutput {
		if t.size-len(text) <= maxOutput {
			text = "… more output is left out\n"
		} else {
			return
		}
	}
	if n := len(t.kept); n == 0 || t.kept[n-1].to != to {
		t.kept = append(t.kept, chunk{to: to})
	}
	t.kept[len(t.kept)-1].text.WriteString(text)
}

// write writes what the task kept. A file is truncated once, by the first chunk of its redirection.
func (t *task) write() {
	t.turn()
	truncated := map[*redirect]bool{}
	for i := range t.kept {
		c := &t.kept[i]
		switch {
		case c.to == nil:
			t.log(c.text.String())
		case c.to.path != "":
			flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND | nonblock
			if c.to.truncate && !truncated[c.to] {
				flags |= os.O_TRUNC
				truncated[c.to] = true
			}
			if err := t.appendTo(c.to.path, flags, c.text.String()); err != nil {
				t.warn(fmt.Sprintf("sync script: writing output: %v", err))
			}
		}
	}
	t.kept = nil
}

func (t *task) appendTo(name string, flags int, text string) error {
	if err := t.work.Root.MkdirAll(above(name), 0o755); err != nil {
		return err
	}
	f, err := t.work.Root.OpenFile(name, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// await waits for the ordinary stage in of what the command may change.
func (t *task) await(c command) error {
	if t.work.Staged == nil {
		return nil
	}
	for _, p := range c.touches() {
		if _, err := t.work.Staged(t.ctx, "/"+p); err != nil {
			return err
		}
	}
	return nil
}

// covered says that the ordinary stage in has fetched the key prefix to that place already: the server's script asks for
// the tasklib too.
func (t *task) covered(bucket, key, dest string) bool {
	if t.work.Staged == nil || !strings.HasPrefix(t.work.Job.Remote+"/", "s3://"+bucket+"/") {
		return false
	}
	from, err := t.work.Staged(t.ctx, "/"+dest)
	return err == nil && from == strings.TrimSuffix("s3://"+bucket+"/"+key, "/")
}

// shown is a path of the root as the script wrote it.
func (t *task) shown(rel string) string {
	return strings.TrimSuffix(t.work.Job.LocalPrefix, "/") + "/" + rel
}

func (t *task) event(e ferrysync.Event) {
	if t.work.Event != nil {
		t.work.Event(e)
	}
}

// open gives the store of a bucket.
func (r *runner) open(ctx context.Context, bucket string) (store.Store, error) {
	r.stores.Lock()
	defer r.stores.Unlock()
	if st, ok := r.opened[bucket]; ok {
		return st, nil
	}
	st, _, err := r.work.Open(ctx, "s3://"+bucket)
	if err != nil {
		return nil, &cause.Error{Cause: cause.StageIn, Err: err}
	}
	r.opened[bucket] = st
	return st, nil
}
