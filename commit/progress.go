package commit

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/engine"
)

// A Reporter shows how far a push is. On a terminal it keeps one line up to date. Elsewhere it writes a line every 10 s. It is safe
// for concurrent use.
type Reporter struct {
	W        io.Writer
	Terminal bool

	mu     sync.Mutex
	layers map[string]*layer
	last   time.Time
	shown  bool
}

type layer struct{ current, total int64 }

// How often a Reporter shows something.
const (
	terminalPeriod = 100 * time.Millisecond
	linePeriod     = 10 * time.Second
)

// Step takes one message of the engine about a push.
func (r *Reporter) Step(p engine.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Layer == "" && p.Current == 0 && p.Status != "" {
		r.say(p.Status)
		return
	}
	if r.layers == nil {
		r.layers = map[string]*layer{}
	}
	l := r.layers[p.Layer]
	if l == nil {
		l = &layer{}
		r.layers[p.Layer] = l
	}
	l.current, l.total = max(l.current, p.Current), max(l.total, p.Total)
	period := linePeriod
	if r.Terminal {
		period = terminalPeriod
	}
	if r.last.IsZero() {
		r.last = time.Now()
	}
	if time.Since(r.last) >= period {
		r.show()
	}
}

// Close ends the line on a terminal.
func (r *Reporter) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Terminal && len(r.layers) > 0 {
		r.show()
		fmt.Fprintln(r.W)
		r.shown = false
	}
}

func (r *Reporter) show() {
	r.last = time.Now()
	var sent, total int64
	for _, l := range r.layers {
		sent, total = sent+l.current, total+max(l.total, l.current)
	}
	text := fmt.Sprintf("pushing: %s of %s, %d layers", units.HumanSize(float64(sent)), units.HumanSize(float64(total)), len(r.layers))
	if !r.Terminal {
		fmt.Fprintln(r.W, text)
		return
	}
	fmt.Fprintf(r.W, "\r\x1b[K%s", text)
	r.shown = true
}

// say writes a message on a line of its own.
func (r *Reporter) say(text string) {
	if r.shown {
		fmt.Fprintln(r.W)
		r.shown = false
	}
	fmt.Fprintln(r.W, text)
}
