package node

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// By says which ferry owns something: its process, and its container where it has one. A later ferry looks by it whether the owner
// lives, where the owner's lock file is gone.
type By struct {
	Container string `json:"container,omitempty"` // as the engine knows it
	Host      string `json:"host,omitempty"`
	Boot      string `json:"boot,omitempty"`      // the kernel's id of this boot
	Space     string `json:"pid_ns,omitempty"`    // the namespace that the process id is of
	PID       int    `json:"pid,omitempty"`       //
	Start     string `json:"pid_start,omitempty"` // when the process started, because ids are used again
}

// Me is this process. self is ferry's own container, nil on a host.
func Me(self *engine.Self) By {
	b := By{PID: os.Getpid(), Start: startOf(os.Getpid())}
	if self != nil {
		b.Container = self.ID
	}
	b.Host, _ = os.Hostname()
	b.Space, _ = os.Readlink("/proc/self/ns/pid")
	if id, err := bounded.File("/proc/sys/kernel/random/boot_id", bounded.Small); err == nil {
		b.Boot = strings.TrimSpace(string(id))
	}
	return b
}

// startOf is when a process started, in the kernel's clock ticks; "" where there is no such process.
func startOf(pid int) string {
	data, err := bounded.File(fmt.Sprintf("/proc/%d/stat", pid), bounded.Small)
	if err != nil {
		return ""
	}
	text := string(data)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
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
		if b.Start != "" && startOf(b.PID) == b.Start {
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
