package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
)

// manyFiles is how many one row's module writes.
const manyFiles = 100_000

func moduleRows() []row {
	const group = "The module does what it likes"
	return []row{
		{group: group, name: "fails", code: 3, quick: true, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", "exit 3")
			s.runJob()
		}},
		{group: group, name: "fails with 75, by which ferry asks for another attempt; ferry exits with 1", code: 75, exits: 1, quick: true, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", "exit 75")
			s.runJob()
		}},
		{group: group, name: "writes 69 as its exit code, by which ferry asks for another attempt; ferry exits with 1", code: 69, exits: 1, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", `echo '{ "exit_code": 69 }' > .gp_metadata/exit_code.txt`)
			s.runJob()
		}},
		{group: group, name: "ignores TERM when ferry is told to stop", code: 75, cause: "interrupted", run: func(s *scene) {
			s.exec("set -e", "trap '' TERM INT HUP", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "while :; do sleep 1; done")
			f := s.start()
			f.until("module begun")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		{group: group, name: "forks, and leaves children that ignore TERM", run: func(s *scene) {
			s.exec("set -e", "for i in 1 2 3; do (trap '' TERM HUP; exec setsid sleep 300) & done", "cp /in/* .", "echo done > result.txt")
			s.runJob()
		}},
		{group: group, name: "is killed by somebody else", code: 137, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "sleep 300")
			f := s.start()
			f.until("module begun")
			for _, id := range strings.Fields(s.docker("ps", "-q", "--filter", "label=ferry.job="+s.id)) {
				s.docker("kill", id)
			}
			if rec := s.check(f); !strings.Contains(strings.Join(rec.Warnings, "\n"), "that ferry did not send") {
				s.bad("the record does not say who did it: %q", rec.Warnings)
			}
		}},
		{group: group, name: "eats memory (--memory 64m)", code: 137, cause: "oom", quick: true, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", "exec tail -c 200000000 /dev/zero")
			s.runJob("--memory", "64m")
		}},
		{group: group, name: "eats process ids (--pids 32)", code: 254, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", "for i in $(seq 100); do sleep 60 & done")
			s.runJob("--pids", "32")
		}},
		{group: group, name: "writes 100,000 files", slow: true, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "for d in $(seq 100); do mkdir d$d; for i in $(seq 1000); do echo $d.$i > d$d/f$i; done; done", "echo done > result.txt")
			rec := s.runJob()
			for d := 1; d <= 100; d++ {
				files, err := os.ReadDir(filepath.Join(s.s3.Dir, "root", workdir, fmt.Sprintf("d%d", d)))
				if err != nil || len(files) != manyFiles/100 {
					s.bad("d%d has %d files, %v", d, len(files), err)
				}
			}
			if n := rec.Transfers["stage-out"].Files; n < manyFiles {
				s.bad("%d files were staged out", n)
			}
		}},
		{group: group, name: "deletes its metadata dir", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "rm -rf "+meta+"/* "+meta+"/.[!.]* || true", "rmdir "+meta+" 2>/dev/null || true")
			s.runJob()
		}},
		{group: group, name: "replaces its metadata files by directories and links", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "cd "+meta, "rm -f *",
				"for f in run.json exit_code.txt transfer.log; do until mkdir $f; do rm -f $f; done; done", // ferry writes its record again meanwhile
				"ln -s /etc/shadow dockerout.log", "ln -s ../f000.txt stderr.txt", "mkfifo docker_exit_code.txt")
			s.runJob()
		}},
		{group: group, name: "makes its outputs unreadable", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "mkdir shut", "echo in > shut/in.txt", "chmod 0 f000.txt shut/in.txt", "chmod 0 shut")
			s.results[workdir+"/shut/in.txt"] = "in\n"
			s.runJob()
		}},
		{group: group, name: "plants links to /etc/shadow and to another job, a FIFO, a socket", run: func(s *scene) { s.planted() }},
		{group: group, name: "makes a device: refused by the engine", code: 1, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "mknod dev c 1 3")
			s.runJob()
		}},
		{group: group, name: "makes a device, with --cap-add MKNOD", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "mknod dev c 1 3")
			s.results[workdir+"/dev"] = "not to be stored"
			s.runJob("--cap-add", "MKNOD")
		}},
		{group: group, name: "changes a file while it is read", slow: true, run: func(s *scene) {
			// The metadata dir goes up every 30 s while the module runs.
			s.exec("set -e", "cp /in/* .", "end=$(($(date +%s) + 35))",
				"while [ $(date +%s) -lt $end ]; do head -c $((RANDOM * 100)) /dev/zero > "+meta+"/changing.bin; done",
				"echo last > "+meta+"/changing.bin", "echo done > result.txt")
			s.results[meta+"/changing.bin"] = "last\n"
			s.runJob()
		}},
		{group: group, name: "uses odd names: newlines, quotes, wildcards, dots, 255 bytes", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt",
				`printf x > $'new\nline'; printf x > $'\ttab'; printf x > '*?[a]'; printf x > "it's \"so\""; printf x > ' space '; printf x > -rf; printf x > 'a\b'; printf x > '%2F'; printf x > ..x`,
				"printf x > "+strings.Repeat("n", 255), "mkdir -p $'dir\nname'", "printf x > $'dir\nname/f'")
			for _, n := range []string{"new\nline", "\ttab", "*?[a]", `it's "so"`, " space ", "-rf", `a\b`, "%2F", "..x", strings.Repeat("n", 255), "dir\nname/f"} {
				s.results[workdir+"/"+n] = "x"
			}
			s.runJob()
		}},
		{group: group, name: "writes half an exit code", code: 5, run: func(s *scene) {
			s.exec("cp /in/* .", "echo done > result.txt", `printf '{ "exit_co' > `+meta+`/exit_code.txt`, "exit 5")
			s.runJob()
		}},
	}
}

// planted is a module that plants what must not be followed.
func (s *scene) planted() {
	sibling := filepath.Join(s.prefix, "sibling.1")
	if err := os.MkdirAll(sibling, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sibling, "secret.txt"), []byte("sibling's\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.exec("set -e", "cp /in/* .", "echo done > result.txt",
		"ln -s /etc/shadow shadow", "ln -s /etc etc", "ln -s ../../../../../etc/shadow shadow2", "ln -s ../../../sibling.1/secret.txt sibling",
		"ln -s /local/sibling.1 siblings", "ln -s loop loop", "ln -s result.txt inside", "mkfifo fifo",
		"ln -s "+workdir+"/sock /dev/log", "syslogd -n & sleep 1", "test -S sock", "kill $!")
	for _, n := range []string{"shadow", "etc", "shadow2", "sibling", "siblings", "loop", "fifo"} {
		s.results[workdir+"/"+n] = "not to be stored"
	}
	s.results[workdir+"/inside"] = "done\n"
	f := s.start()
	f.end()
	if _, ok := s.stored(workdir + "/etc/passwd"); ok {
		s.bad("/etc is in the store")
	}
	for _, n := range []string{"shadow", "shadow2", "sibling", "siblings/secret.txt", "fifo", "sock"} {
		if got, ok := s.stored(workdir + "/" + n); ok {
			s.bad("%q is in the store: %q", n, got)
		}
	}
	if err := os.RemoveAll(sibling); err != nil {
		s.t.Fatal(err)
	}
	s.check(f)
}

func policyRows() []row {
	const group = "The job is not as it must be"
	return []row{
		{group: group, name: "a bad flag", code: 64, cause: "usage", run: func(s *scene) {
			s.expect()
			s.runJob("--walltime", "soon")
		}},
		{group: group, name: "an image that runs as root, with --forbid-root", code: 66, cause: "refused", run: func(s *scene) {
			s.expect()
			s.runJob("--forbid-root")
		}},
		{group: group, name: "an image with neither bash nor sh", code: 72, cause: "launch", run: func(s *scene) {
			s.expect()
			s.runJob("--image", testenv.ModuleImage(s.t, testenv.NoShell))
		}},
		{group: group, name: "no exec.sh", code: 72, cause: "launch", run: func(s *scene) {
			s.expect()
			s.runJob("--exec", meta+"/none.sh")
		}},
		{group: group, name: "a network that is not there", code: 72, cause: "launch", run: func(s *scene) {
			s.expect()
			s.runJob("--network", "ferry-test-none")
		}},
	}
}
