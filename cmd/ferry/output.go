package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	// outputBuffer is what a reader may lie behind.
	outputBuffer = 1 << 20
	// outputWait is how long ferry waits for a reader that takes nothing while the buffer is full. What comes after that is
	// dropped until it reads again: the logs in the metadata dir have all of it.
	outputWait = 10 * time.Second
)

// An output is ferry's stdout or stderr, or both where they are the same, as a job sees it. Its Write never fails and never
// waits for ever: neither a closed pipe nor a reader that stands still may end or stop a job. It is safe for concurrent use.
type output struct {
	w     io.Writer
	limit int
	wait  time.Duration

	mu      sync.Mutex
	changed *sync.Cond
	queue   []byte
	dropped int64
	taken   int64 // bytes that the reader took
	closed  bool  // the reader is gone
	behind  bool  // it took nothing for a whole wait, and has not since
	hurried bool  // nobody waits for it any more
}

func newOutput(w io.Writer) *output {
	o := &output{w: w, limit: outputBuffer, wait: outputWait}
	o.changed = sync.NewCond(&o.mu)
	go o.pump()
	return o
}

// Write takes p whole, or drops it.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.room() && !o.behind {
		o.await(o.wait, o.room)
	}
	switch {
	case o.closed:
	case o.fits():
		o.queue = append(o.queue, p...)
		o.changed.Broadcast()
	default:
		o.behind = true
		o.dropped += int64(len(p))
	}
	return len(p), nil
}

// fits reports whether the buffer takes more. It is called with o.mu held.
func (o *output) fits() bool { return len(o.queue) < o.limit }

// room reports whether a Write need not wait. It is called with o.mu held.
func (o *output) room() bool { return o.closed || o.hurried || o.fits() }

// await waits until so is true, or the reader has taken nothing for the time given. It is called with o.mu held.
func (o *output) await(limit time.Duration, so func() bool) {
	for {
		before, late := o.taken, false
		t := time.AfterFunc(limit, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			late = true
			o.changed.Broadcast()
		})
		for !so() && !late && o.taken == before {
			o.changed.Wait()
		}
		t.Stop()
		if so() || late && o.taken == before {
			return
		}
	}
}

// pump writes what is in the queue. It never ends: a write to a reader that stands still cannot be ended.
func (o *output) pump() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.queue) == 0 {
			o.changed.Wait()
		}
		n := min(len(o.queue), 32<<10)
		part := o.queue[:n]
		o.mu.Unlock()
		_, err := o.w.Write(part)
		o.mu.Lock()
		o.queue = o.queue[n:]
		o.taken += int64(n)
		o.behind = false
		if err != nil {
			o.closed, o.queue = true, nil
		} else if o.dropped > 0 {
			o.queue = fmt.Appendf(o.queue, "\nferry: %d bytes are left out here, because nobody read on\n", o.dropped)
			o.dropped = 0
		}
		o.changed.Broadcast()
		if o.closed {
			return
		}
	}
}

// hurry ends all waiting: a job that is told to stop has no time for a reader that stands still.
func (o *output) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurried = true
	o.changed.Broadcast()
}

// flush waits until the reader has everything, or has taken nothing for a while.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := o.wait
	if o.hurried {
		wait /= 10
	}
	o.await(wait, func() bool { return o.closed || len(o.queue) == 0 })
}

// outputs are both outputs of a job.
type outputs []*output

// steady gives a world whose stdout and stderr do not end or stop a job.
func (w world) steady() (world, outputs) {
	// PIPE is caught and dropped, so that a write to a closed pipe is an error and not the process's end. It is not ignored,
	// because a module's processes would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	all := outputs{newOutput(w.stdout)}
	if !sameFile(w.stdout, w.stderr) { // one queue keeps the order of what comes out of one pipe
		all = append(all, newOutput(w.stderr))
	}
	w.stdout, w.stderr = all[0], all[len(all)-1]
	return w, all
}

func (all outputs) hurry() {
	for _, o := range all {
		o.hurry()
	}
}

func (all outputs) flush() {
	for _, o := range all {
		o.flush()
	}
}

func sameFile(a, b io.Writer) bool {
	f, ok := a.(*os.File)
	g, also := b.(*os.File)
	if !ok || !also {
		return false
	}
	x, err := f.Stat()
	if err != nil {
		return false
	}
	y, err := g.Stat()
	return err == nil && os.SameFile(x, y)
}
