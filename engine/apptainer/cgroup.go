package apptainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// Limits hold where ferry can make control groups below or beside its own: as root, or where an administrator or systemd has given
// this user a part of the tree. Elsewhere the scheduler's limits are those that hold.

// Controllers that ferry uses.
const (
	memoryController = "memory"
	cpuController    = "cpu"
	pidsController   = "pids"
)

var controllers = []string{memoryController, cpuController, pidsController}

// cgroups are the places in which this process can make control groups.
type cgroups struct {
	v2     bool
	parent map[string]string // by controller; with v2 all are the same
}

const cgroupRoot = "/sys/fs/cgroup"

// ownCgroups are the groups this process is in, by controller: "" is that of v2.
func ownCgroups() map[string]string {
	data, err := bounded.File("/proc/self/cgroup", bounded.Small)
	if err != nil {
		return nil
	}
	own := map[string]string{}
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// findCgroups tries where groups can be made.
func findCgroups() cgroups {
	own := ownCgroups()
	g := cgroups{parent: map[string]string{}}
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		g.v2 = true
		// A group with processes in it cannot have groups with limits, except for the root. So it is the one above.
		for _, dir := range []string{filepath.Join(cgroupRoot, own[""]), filepath.Dir(filepath.Join(cgroupRoot, own[""]))} {
			if on := enabled(dir); len(on) > 0 && strings.HasPrefix(dir, cgroupRoot) && writable(dir) {
				for _, c := range on {
					g.parent[c] = dir
				}
				break
			}
		}
		return g
	}
	for _, c := range controllers {
		for _, dir := range []string{filepath.Join(cgroupRoot, c, own[c]), filepath.Join(cgroupRoot, c)} {
			if _, err := os.Stat(filepath.Join(dir, "tasks")); err == nil {
				if writable(dir) {
					g.parent[c] = dir
				}
				break // elsewhere is not where this process is counted
			}
		}
	}
	return g
}

// enabled are the controllers whose limits hold for groups in dir.
func enabled(dir string) []string {
	data, err := bounded.File(filepath.Join(dir, "cgroup.subtree_control"), bounded.Small)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(strings.Fields(string(data)), func(c string) bool { return !slices.Contains(controllers, c) })
}

// writable reports whether a group can be made in dir, and processes of this one's group moved there.
func writable(dir string) bool {
	probe := filepath.Join(dir, fmt.Sprintf("ferry-probe-%d", os.Getpid()))
	if os.Mkdir(probe, 0o755) != nil {
		return false
	}
	defer func() { _ = os.Remove(probe) }()
	f, err := os.OpenFile(filepath.Join(probe, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	// With v2 the group above both must be this user's, too.
	f, err = os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (g cgroups) enforces() engine.Enforces {
	return engine.Enforces{Memory: g.parent[memoryController] != "", CPUs: g.parent[cpuController] != "", PIDs: g.parent[pidsController] != ""}
}

// A group is a container's control group: a directory for each controller; with v2 one.
type group struct {
	V2  bool              `json:"v2,omitempty"`
	Dir map[string]string `json:"dir,omitempty"`
}

// cpuPeriod is in microseconds, the kernel's default.
const cpuPeriod = 100000

// make makes a container's group with its limits.
func (g cgroups) make(id string, l engine.Limits) (made group, err error) {
	made = group{V2: g.v2, Dir: map[string]string{}}
	defer func() {
		if err != nil {
			_ = made.remove()
		}
	}()
	for c, parent := range g.parent {
		dir := filepath.Join(parent, "ferry-"+id)
		if err := os.Mkdir(dir, 0o755); err != nil && !(g.v2 && errors.Is(err, fs.ErrExist)) {
			return made, fmt.Errorf("making a control group: %w", err)
		}
		made.Dir[c] = dir
	}
	type setting struct{ controller, file, value string }
	var all []setting
	if l.Memory > 0 {
		v := strconv.FormatInt(l.Memory, 10)
		if g.v2 {
			all = append(all, setting{memoryController, "memory.max", v}, setting{memoryController, "memory.swap.max", "0"})
		} else {
			all = append(all, setting{memoryController, "memory.limit_in_bytes", v}, setting{memoryController, "memory.memsw.limit_in_bytes", v})
		}
	}
	if l.PIDs > 0 {
		all = append(all, setting{pidsController, "pids.max", strconv.FormatInt(l.PIDs+apptainerThreads, 10)})
	}
	if l.NanoCPUs > 0 {
		quota := strconv.FormatInt(max(l.NanoCPUs*cpuPeriod/1e9, 1000), 10) // the kernel takes no less than a millisecond
		if g.v2 {
			all = append(all, setting{cpuController, "cpu.max", quota + " " + strconv.Itoa(cpuPeriod)})
		} else {
			all = append(all, setting{cpuController, "cpu.cfs_quota_us", quota})
		}
	}
	for _, s := range all {
		dir := made.Dir[s.controller]
		if dir == "" {
			continue // not enforced, and Info says so
		}
		err := os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0)
		if errors.Is(err, fs.ErrNotExist) && strings.Contains(s.file, "sw") {
			continue // a kernel that does not count swap
		}
		if err != nil {
			return made, fmt.Errorf("setting the limit %s: %w", s.file, err)
		}
	}
	return made, nil
}

const (
	// apptainerThreads is more than Apptainer's own programs have of processes and threads. They count with the module's.
	apptainerThreads = 100
	// moreThreads is how many they may start yet, once the module runs.
	moreThreads = 4
)

// allow sets the limit of processes anew, once it is known how many threads Apptainer itself has.
func (g group) allow(pids, own int64) {
	if dir := g.Dir[pidsController]; dir != "" && pids > 0 {
		_ = os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.FormatInt(pids+own+moreThreads, 10)), 0)
	}
}

// enter has f start a process in the group. f gets what the process is started with.
func (g group) enter(attr *syscall.SysProcAttr, f func() error) error {
	if g.V2 {
		for _, dir := range g.Dir {
			d, err := os.Open(dir)
			if err != nil {
				return err
			}
			defer d.Close()
			attr.UseCgroupFD, attr.CgroupFD = true, int(d.Fd())
			break
		}
		return f()
	}
	// With v1 a thread can be in another group than its process. A child is where the thread is that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := []byte(strconv.Itoa(syscall.Gettid()))
	defer func() {
		for _, dir := range g.Dir {
			_ = os.WriteFile(filepath.Join(filepath.Dir(dir), "tasks"), tid, 0)
		}
	}()
	for _, dir := range g.Dir {
		if err := os.WriteFile(filepath.Join(dir, "tasks"), tid, 0); err != nil {
			return fmt.Errorf("entering a control group: %w", err)
		}
	}
	return f()
}

// number reads a file of the group that holds one number; 0 where it does not say.
func (g group) number(controller, file string) int64 {
	data, err := bounded.File(filepath.Join(g.Dir[controller], file), bounded.Small)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// memory is what the group uses now, and has used at most. Pages of files that could be dropped do not count.
func (g group) memory() (now, peak int64) {
	if g.Dir[memoryController] == "" {
		return 0, 0
	}
	if g.V2 {
		now, peak = g.number(memoryController, "memory.current"), g.number(memoryController, "memory.peak")
	} else {
		now, peak = g.number(memoryController, "memory.usage_in_bytes"), g.number(memoryController, "memory.max_usage_in_bytes")
	}
	files := counter(filepath.Join(g.Dir[memoryController], "memory.stat"), "inactive_file", "total_inactive_file")
	return max(now-files, 0), peak
}

// oomKills is how often the kernel has killed for the group's memory.
func (g group) oomKills() int64 { return oomKillsIn(g.Dir[memoryController]) }

func oomKillsIn(dir string) int64 {
	if dir == "" {
		return 0
	}
	return max(counter(filepath.Join(dir, "memory.events"), "oom_kill"), counter(filepath.Join(dir, "memory.oom_control"), "oom_kill"))
}

// oomKillsAround is how often the kernel has killed in the group that ferry itself is in, such as a scheduler's.
func oomKillsAround() int64 {
	own := ownCgroups()
	return max(oomKillsIn(filepath.Join(cgroupRoot, own[""])), oomKillsIn(filepath.Join(cgroupRoot, memoryController, own[memoryController])))
}

// counter reads a number from a file of names and numbers; 0 where none of the names is there.
func counter(file string, names ...string) int64 {
	data, err := bounded.File(file, bounded.Small)
	if err != nil {
		return 0
	}
	var found int64
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if slices.Contains(names, name) {
			n, _ := strconv.ParseInt(value, 10, 64)
			found = max(found, n)
		}
	}
	return found
}

// removeTries bounds how often a group is removed whose last processes are just ending.
const removeTries = 100

// remove removes the group, once its processes have ended.
func (g group) remove() error {
	var last error
	for _, dir := range g.Dir {
		err := os.Remove(dir)
		for try := 0; errors.Is(err, syscall.EBUSY) && try < removeTries; try++ {
			time.Sleep(10 * time.Millisecond)
			err = os.Remove(dir)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			last = err
		}
	}
	return last
}
