package apptainer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// A process is one of this node, so that no later one of the same number is taken for it.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // its start by the kernel's clock
	Boot  string `json:"boot"`  // of the node
	Space string `json:"space"` // the namespace of processes in which it has the number
}

// bootID is of this boot of the node.
func bootID() string {
	data, err := bounded.File("/proc/sys/kernel/random/boot_id", bounded.Small)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func pidSpace(pid string) string {
	space, err := os.Readlink("/proc/" + pid + "/ns/pid")
	if err != nil {
		return ""
	}
	return space
}

func processOf(pid int) process {
	st, _ := statOf(strconv.Itoa(pid))
	return process{PID: pid, Start: st.start, Boot: bootID(), Space: pidSpace("self")}
}

// lives reports whether the process still runs.
func (p process) lives() bool {
	if p.PID == 0 || p.Start == "" || p.Boot != bootID() || p.Space != pidSpace("self") {
		return false
	}
	st, ok := statOf(strconv.Itoa(p.PID))
	return ok && st.start == p.Start && st.state != "Z" && st.state != "X"
}

// stat is what /proc/PID/stat says.
type stat struct {
	state   string
	start   string
	ticks   int64 // CPU time of it and of its children that it waited for
	threads int64
	pages   int64 // resident
}

func statOf(pid string) (stat, bool) {
	data, err := bounded.File("/proc/"+pid+"/stat", bounded.Small)
	if err != nil {
		return stat{}, false
	}
	// The second field, in parentheses, is a name that may hold anything.
	text := string(data)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // from the third field on
	if len(f) < 22 {
		return stat{}, false
	}
	num := func(i int) int64 { v, _ := strconv.ParseInt(f[i], 10, 64); return v }
	return stat{state: f[0], start: f[19], ticks: num(11) + num(12) + num(13) + num(14), threads: num(17), pages: num(21)}, true
}

// children of a process, whichever thread of it started them.
func children(pid string) []string {
	lists, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	var all []string
	for _, l := range lists {
		if data, err := bounded.File(l, bounded.Small); err == nil {
			all = append(all, strings.Fields(string(data))...)
		}
	}
	return all
}

// A module's processes are in a namespace of their own, whose first process is apptainer's. It starts the module, and dies with
// apptainer's process outside, which is ferry's child; and all the namespace with it.

// inside finds the namespace, once its first process has started the module. apptainer is the process outside. own is how many threads
// Apptainer's own processes have.
func inside(apptainer int) (space string, own int64, ok bool) {
	pid := strconv.Itoa(apptainer)
	outside := pidSpace(pid)
	beside := append(children(pid), pid)
	for _, first := range beside {
		space := pidSpace(first)
		if space == "" || space == outside {
			continue // such as what mounts the image
		}
		runs, err := os.Readlink("/proc/" + first + "/exe")
		if err != nil {
			continue
		}
		for _, module := range children(first) {
			if is, err := os.Readlink("/proc/" + module + "/exe"); err == nil && is != runs {
				return space, usage(beside).PIDs, true
			}
		}
	}
	return "", 0, false
}

// members are the processes of a namespace.
func members(space string) []string {
	if space == "" {
		return nil
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var all []string
	for _, d := range dirs {
		pid := filepath.Base(d)
		if pidSpace(pid) == space {
			all = append(all, pid)
		}
	}
	return all
}

// ticksPerSecond is the kernel's USER_HZ, which is 100 on every architecture Go runs on.
const ticksPerSecond = 100

func usage(pids []string) engine.Stats {
	var s engine.Stats
	for _, pid := range pids {
		st, ok := statOf(pid)
		if !ok {
			continue
		}
		s.CPUSeconds += float64(st.ticks) / ticksPerSecond
		s.PIDs += st.threads
		s.Memory += st.pages * int64(os.Getpagesize())
	}
	return s
}

const (
	// killTime bounds how long processes are waited for that were killed: one that waits for a disk takes its time.
	killTime  = 10 * time.Second
	killPause = 5 * time.Millisecond
)

// kill ends the process outside and with it all of the namespace, and waits until nothing of it runs.
func (p process) kill(space string) error {
	for begun := time.Now(); ; {
		left := []string{}
		if p.lives() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
			left = append(left, strconv.Itoa(p.PID))
		}
		if p.Boot == bootID() {
			for _, pid := range members(space) {
				if st, ok := statOf(pid); !ok || st.state == "Z" {
					continue
				}
				if n, err := strconv.Atoi(pid); err == nil {
					_ = syscall.Kill(n, syscall.SIGKILL)
				}
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Since(begun) > killTime {
			return fmt.Errorf("processes %s do not end", strings.Join(left, ", "))
		}
		time.Sleep(killPause)
	}
}
