package node

import (
	"context"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/procid"
)

// By says which ferry owns something: its process, and its container where it has one. A later ferry looks by it whether the owner
// lives, where the owner's lock file is gone.
type By struct {
	Container string `json:"container,omitempty"` // as the engine knows it
	procid.ID
}

// Me is this process. self is ferry's own container, nil on a host.
func Me(self *engine.Self) By {
	b := By{ID: procid.Me()}
	if self != nil {
		b.Container = self.ID
	}
	return b
}

// A life is what can be said of an owner.
type life int

const (
	unknown life = iota
	alive
	dead
)

// A witness tells of owners. It asks the engine once.
type witness struct {
	ctx    context.Context
	eng    engine.Engine
	me     By
	asked  bool
	known  map[string]bool // containers of the engine: whether each runs
	failed error
}

func newWitness(ctx context.Context, eng engine.Engine) *witness {
	return &witness{ctx: ctx, eng: eng, me: Me(nil)}
}

// of says whether an owner lives. onEngine is whether the engine has something of the owner's, so that the owner has used this engine.
func (w *witness) of(b By, onEngine bool) life {
	switch {
	case b.PID == 0:
		return unknown
	case b.Boot == w.me.Boot && b.Space == w.me.Space && b.Space != "":
		// An older namespace of that number is gone, and all of its processes with it.
		if b.Start != "" && procid.StartOf(b.PID) == b.Start {
			return alive
		}
		return dead
	case b.Container != "" && onEngine:
		return w.container(b.Container)
	case b.Boot != "" && w.me.Boot != "" && b.Boot != w.me.Boot && (b.Host == w.me.Host || onEngine && engine.IsLocal(w.eng)):
		return dead // of an earlier boot of this machine
	}
	return unknown
}

// container says whether a ferry lives by its container.
func (w *witness) container(id string) life {
	if !w.asked {
		w.asked, w.known = true, map[string]bool{}
		var found []engine.Found
		found, w.failed = w.eng.List(w.ctx, nil)
		for _, c := range found {
			w.known[c.ID] = c.Running
		}
	}
	switch {
	case w.failed != nil:
		return unknown
	case w.known[id]:
		return alive
	}
	return dead
}
