package wrapper_test

import (
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// What a module needs to leave its container is refused by the kernel, root as it is there. Each line says "out" where it
// succeeded.
func TestModuleStaysInItsContainer(t *testing.T) {
	s := newRig(t)
	s.put("in/data.txt", "input\n")
	tries := map[string]string{
		"mount":           "mkdir m; mount -t tmpfs none m",
		"bind mount":      "mkdir b; mount -o bind /etc b",
		"remount":         "mount -o remount,rw /sys/fs/cgroup",
		"proc":            "mkdir p; mount -t proc proc p",
		"mknod":           "mknod disk b 8 0",
		"chroot":          "chroot / /bin/true",
		"pivot_root":      "pivot_root . .",
		"unshare":         "unshare -m true",
		"user namespace":  "unshare -U -r true",
		"nsenter":         "nsenter -t 1 -m true",
		"release_agent":   "mkdir c; mount -t cgroup -o rdma cgroup c && echo /x > c/release_agent",
		"release agents":  "for f in $(find /sys/fs/cgroup -name release_agent); do echo /x > $f && exit 0; done; exit 1",
		"core_pattern":    "echo '|/x' > /proc/sys/kernel/core_pattern",
		"sysrq":           "echo b > /proc/sysrq-trigger",
		"uevent_helper":   "echo /x > /sys/kernel/uevent_helper",
		"host's memory":   "head -c 1 /dev/mem",
		"kernel log":      "dmesg",
		"a module":        "insmod x.ko",
		"the clock":       "date -s 2000-01-01; test $(date +%Y) = 2000",
		"the host's name": "hostname owned",
		"a raw socket":    "ping -c 1 127.0.0.1",
		"another's owner": "touch f; chown 12:34 f",
		"another user":    "su -s /bin/sh nobody -c true",
		"set-uid":         "cp /bin/busybox su1; chmod 4755 su1; chown 1:1 su1",
		"the engine":      "ls /var/run/docker.sock /run/docker.sock",
		"hard link":       "ln /in/data.txt hard",
		"link to a file":  "ln /proc/1/root/etc/passwd hard2",
		"ferry's keys":    "env | grep -E 'AWS|FERRY|SECRET'",
		"its process":     "grep -a AWS_ /proc/1/environ",
	}
	var lines []string
	for name, try := range tries {
		lines = append(lines, "( "+try+" ) >/dev/null 2>&1 && echo \""+name+"\" >> out.txt")
	}
	lines = append(lines, "grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status > held.txt", "exit 0")
	s.exec(lines...)
	s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/in")), 0, cause.None)
	if out := s.get("jobs/1/out.txt"); out != "" {
		t.Errorf("these succeeded:\n%s", out)
	}
	held := s.get("jobs/1/held.txt")
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		if !strings.Contains(held, want) {
			t.Errorf("the module has %q, want %q", held, want)
		}
	}
}

// Names and links that a terminal would obey are written out wherever ferry tells of them.
func TestEscapeSequencesInNames(t *testing.T) {
	s := newRig(t)
	s.exec(`printf x > $'\e]0;owned\a\e[2J'`, `ln -s nowhere $'\e[31mred\e[0m'`, `mkfifo $'\e]8;;http://h\e\\'`, "echo done > result.txt")
	s.run(s.job(testenv.ModuleImage(t)))
	for name, text := range map[string]string{"ferry's log": s.log.String(), "transfer.log": s.meta("transfer.log"), "run.json": s.meta("run.json"), "stderr.txt": s.meta("stderr.txt")} {
		if strings.ContainsAny(text, "\x1b\a") {
			t.Errorf("%s has an escape sequence: %q", name, text)
		}
	}
	if !strings.Contains(s.log.String(), "red") || s.get("jobs/1/result.txt") != "done\n" {
		t.Errorf("the log does not name what was left out: %s", s.log.String())
	}
}
