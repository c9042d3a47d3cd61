package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// dropPrivileges gives up, for the calling thread and what it starts, every capability but keep, and the right to gain
// any by running a program. It also closes ferry's own memory and environment, which hold its credentials, to the module,
// which may run as the same user.
func dropPrivileges(keep []string) error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, want [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	for _, name := range keep {
		if n, ok := capabilities[strings.TrimPrefix(name, "CAP_")]; ok {
			bit := uint32(1) << (n % 32)
			want[n/32].Permitted |= bit & have[n/32].Permitted
			want[n/32].Effective |= bit & have[n/32].Permitted
		}
	}
	return os.NewSyscallError("capset", unix.Capset(&header, &want[0]))
}

// capabilities are those a container engine can give, by name.
var capabilities = map[string]uint{
	"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "FOWNER": unix.CAP_FOWNER, "FSETID": unix.CAP_FSETID,
	"KILL": unix.CAP_KILL, "SETGID": unix.CAP_SETGID, "SETUID": unix.CAP_SETUID, "SETPCAP": unix.CAP_SETPCAP,
	"NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE, "NET_RAW": unix.CAP_NET_RAW, "SYS_CHROOT": unix.CAP_SYS_CHROOT,
	"MKNOD": unix.CAP_MKNOD, "AUDIT_WRITE": unix.CAP_AUDIT_WRITE, "SETFCAP": unix.CAP_SETFCAP, "SYS_PTRACE": unix.CAP_SYS_PTRACE,
	"SYS_ADMIN": unix.CAP_SYS_ADMIN, "SYS_NICE": unix.CAP_SYS_NICE, "IPC_LOCK": unix.CAP_IPC_LOCK, "NET_ADMIN": unix.CAP_NET_ADMIN,
}

func signalGroup(pid int, s syscall.Signal) { _ = syscall.Kill(-pid, s) }

// killTries bounds how often a session is looked through for processes that were started meanwhile.
const killTries = 20

// killSession kills all processes of the session that pid leads.
func killSession(pid int) {
	for range killTries {
		signalGroup(pid, syscall.SIGKILL)
		left := false
		for _, p := range session(pid) {
			if p.state != "Z" {
				left = true
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			}
		}
		if !left {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid     int
	parent  int
	session string
	state   string
	ticks   int64 // CPU time of it and of its children that it waited for
	threads int64
	pages   int64 // resident
}

// session lists the processes of the session that sid leads.
func session(sid int) []stat {
	leader := strconv.Itoa(sid)
	return slices.DeleteFunc(processes(), func(p stat) bool { return p.session != leader })
}

// processes lists all processes that this one sees.
func processes() []stat {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var all []stat
	for _, n := range names {
		data, err := bounded.File(n, bounded.Small)
		if err != nil {
			continue // it has ended
		}
		// The second field, in parentheses, is a name that may hold anything.
		text := string(data)
		i := strings.LastIndexByte(text, ')')
		if i < 0 {
			continue
		}
		f := strings.Fields(text[i+1:]) // from the third field on
		if len(f) < 22 {
			continue
		}
		num := func(i int) int64 { v, _ := strconv.ParseInt(f[i], 10, 64); return v }
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(n)))
		all = append(all, stat{pid: pid, parent: int(num(1)), session: f[3], state: f[0], ticks: num(11) + num(12) + num(13) + num(14), threads: num(17), pages: num(21)})
	}
	return all
}

// ticksPerSecond is the kernel's USER_HZ, which is 100 on every architecture Go runs on.
const ticksPerSecond = 100

func sessionStats(sid int) engine.Stats {
	var s engine.Stats
	for _, p := range session(sid) {
		s.CPUSeconds += float64(p.ticks) / ticksPerSecond
		s.PIDs += p.threads
		s.Memory += p.pages * int64(os.Getpagesize())
	}
	return s
}

// oomKills is how often the kernel has killed a process of this container for memory; 0 where it does not say.
func oomKills() int64 {
	for _, name := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		data, err := bounded.File(name, bounded.Small)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
				return n
			}
		}
	}
	return 0
}
