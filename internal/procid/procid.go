package procid

import (
	"fmt"
	"os"
	"strings"

	"github.com/genepattern/ferry/internal/bounded"
)

// An ID is a process, as no other process ever has it.
type ID struct {
	Host  string `json:"host,omitempty"`
	Boot  string `json:"boot,omitempty"`      // the kernel's id of this boot
	Space string `json:"pid_ns,omitempty"`    // the namespace that the process id is of
	PID   int    `json:"pid,omitempty"`       //
	Start string `json:"pid_start,omitempty"` // when the process started, because ids are used again
}

// Me is this process.
func Me() ID {
	b := ID{PID: os.Getpid(), Start: StartOf(os.Getpid())}
	b.Host, _ = os.Hostname()
	b.Space, _ = os.Readlink("/proc/self/ns/pid")
	if id, err := bounded.File("/proc/sys/kernel/random/boot_id", bounded.Small); err == nil {
		b.Boot = strings.TrimSpace(string(id))
	}
	return b
}

// Dead reports whether the process is known to be dead, by one that is me: it was one of this machine. Of others nothing is known.
func (p ID) Dead(me ID) bool {
	switch {
	case p.PID == 0 || p.Boot == "" || me.Boot == "":
		return false
	case p.Boot == me.Boot:
		return p.Space != "" && p.Space == me.Space && (p.Start == "" || StartOf(p.PID) != p.Start)
	}
	return p.Host == me.Host // of an earlier boot of this machine
}

// StartOf is when a process started, in the kernel's clock ticks; "" where there is no such process.
func StartOf(pid int) string {
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
