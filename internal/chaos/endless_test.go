package chaos

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
)

// maxMemory is what ferry may take under each of these, in KiB.
const maxMemory = 128 << 10

func endlessRows() []row {
	const group = "What a module, a URL or a script makes is deep or endless"
	return []row{
		// A path of 2,000 bytes is made at once; what was made before is moved to its end.
		{group: group, name: "a tree of 30,000 levels beside the results", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "p=$(for i in $(seq 1000); do printf d/; done)",
				"for i in $(seq 30); do mkdir -p new/$p; if [ -e top ]; then mv top new/$p; fi; mv new top; done")
			s.bounded()
		}},
		{group: group, name: "9,000 levels with long names", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "n="+strings.Repeat("n", 255), "p=$n/$n/$n/$n/$n/$n/$n/$n/$n/$n",
				"for i in $(seq 900); do mkdir -p new/$p; if [ -e top ]; then mv top new/$p; fi; mv new top; done")
			s.bounded()
		}},
		{group: group, name: "eight directories of 60 links to each other", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt",
				"for i in $(seq 8); do mkdir d$i; echo $i > d$i/f; for j in $(seq 60); do ln -s ../d$((j % 8 + 1)) d$i/l$j; done; done")
			for i := range 8 {
				s.results[fmt.Sprintf("%s/d%d/f", workdir, i+1)] = fmt.Sprintf("%d\n", i+1)
			}
			s.bounded()
		}},
		{group: group, name: "a log truncated to 100 GB and removed", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo said", "cd "+meta, "truncate -s 100000000000 dockerout.log transfer.log", "rm dockerout.log")
			s.bounded()
			for _, n := range []string{"dockerout.log", "transfer.log"} {
				if text, ok := s.stored(meta + "/" + n); !ok || len(text) > 1<<20 {
					s.bad("%s is %d bytes in the store", n, len(text))
				}
			}
		}},
		{group: group, name: "100,000 names that cannot be stored", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "mkdir bad; cd bad",
				`awk 'BEGIN { for (i = 0; i < 100000; i++) { n = sprintf("bad\377%d", i); printf "" > n; close(n) } }'`)
			s.bounded()
			if text, _ := s.stored(meta + "/run.json"); len(text) > 4<<20 {
				s.bad("run.json is %d bytes", len(text))
			}
		}},
		{group: group, name: "a sparse file of 3 TiB", code: 73, cause: "stage-out", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "truncate -s 3298534883328 huge.bin")
			s.results[workdir+"/huge.bin"] = "not to be stored"
			s.bounded()
		}},
		{group: group, name: "a sparse file of 8 GiB, with --stage copy and --max-output 1g", code: 73, cause: "stage-out", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "truncate -s 8589934592 huge.bin")
			s.results[workdir+"/huge.bin"] = "not to be stored"
			s.bounded("--stage", "copy", "--max-output", "1g")
		}},
		{group: group, name: "a URL's answer, on a small disk", code: 74, cause: "disk", root: true, run: func(s *scene) {
			s.small(64 << 20)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for block := make([]byte, 64<<10); ; {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
			}))
			defer srv.Close()
			s.expect()
			s.script("wget -O " + s.prefix + workdir + "/endless '" + srv.URL + "/' || true\n")
		}},
		{group: group, name: "an FTP server's line", run: func(s *scene) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				s.t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer func() { _ = c.Close() }()
						for block := []byte(strings.Repeat("x", 64<<10)); ; {
							if _, err := c.Write(block); err != nil {
								return
							}
						}
					}()
				}
			}()
			s.script("wget -O " + s.prefix + workdir + "/endless 'ftp://" + l.Addr().String() + "/f' || true\n")
		}},
		{group: group, name: "a script of 60,000 parentheses", code: 66, cause: "refused", run: func(s *scene) {
			s.expect()
			s.script(strings.Repeat("(", 60_000) + "\n")
		}},
		{group: group, name: "a script with paths of 16,000 parts", code: 66, cause: "refused", run: func(s *scene) {
			s.expect()
			s.script(strings.Repeat("mkdir -p "+s.prefix+strings.Repeat("/a", 16_000)+"\n", 400))
		}},
	}
}

// script runs a job with a sync script.
func (s *scene) script(text string) {
	s.t.Helper()
	s.put(meta+"/get.sh", text)
	s.bounded("--sync-script", "get.sh")
}

// bounded runs the job on the host, and looks at how much memory ferry took.
func (s *scene) bounded(flags ...string) {
	s.t.Helper()
	s.onHost = true
	f := s.start(flags...)
	s.check(f)
	used, ok := f.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || used.Maxrss > maxMemory {
		s.bad("ferry took %d KiB of memory", used.Maxrss)
		return
	}
	s.t.Logf("ferry took %d MiB", used.Maxrss>>10)
}
