package chaos

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
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
		{group: group, name: "a log of 1 GB, whose name the module removes", slow: true, run: func(s *scene) {
			s.unread = true // nobody keeps what ferry passes on
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "yes $(head -c 999 /dev/zero | tr '\\0' x) | head -c 1000000000", "echo the end",
				"rm -f "+meta+"/dockerout.log")
			s.bounded()
			log := filepath.Join(s.s3.Dir, "root", meta, "dockerout.log")
			st, err := os.Stat(log)
			if err != nil || st.Size() < 1e9 {
				s.bad("the log in the store: %v", err)
				return
			}
			if end := tail(s.t, log); !strings.HasSuffix(end, "the end\n") {
				s.bad("the log in the store ends with %q", end)
			}
		}},
		{group: group, name: "a log that grows to 300 MB while the module runs, sent little more than once", slow: true, run: func(s *scene) {
			s.unread = true
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "for i in $(seq 75); do head -c 4000000 /dev/zero | tr '\\0' x | fold -w 999; echo; sleep 1; done")
			begun := time.Now()
			s.bounded()
			took := time.Since(begun)
			st, err := os.Stat(filepath.Join(s.s3.Dir, "root", meta, "dockerout.log"))
			if err != nil || st.Size() < 300e6 {
				s.bad("the log in the store: %v", err)
				return
			}
			var sent int64
			for _, r := range s.proxy.Requests() {
				if r.Key == "root"+meta+"/dockerout.log" {
					sent += max(0, r.Length)
				}
			}
			// 256 KiB a second go up while it runs, in all the rest it goes up once. Framing and checksums are a hundredth.
			if most := st.Size() + st.Size()/100 + int64(took.Seconds()*(256<<10)); sent < st.Size() || sent > most {
				s.bad("%d bytes went up for a log of %d, in %v", sent, st.Size(), took)
			}
			s.t.Logf("%d bytes went up for a log of %d, in %v", sent, st.Size(), took)
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

// tail is the end of a large file.
func tail(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	end := make([]byte, 100)
	if _, err := f.Seek(-int64(len(end)), io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	n, err := io.ReadFull(f, end)
	if err != nil {
		t.Error(err)
	}
	return string(end[:n])
}

// bounded runs the job on the host, and looks at how much memory ferry took.
func (s *scene) bounded(flags ...string) {
	s.t.Helper()
	s.onHost = true
	f := s.start(flags...)
	peak := make(chan int64)
	go func() { peak <- f.peak() }()
	s.check(f)
	used := <-peak
	if used == 0 || used > maxMemory {
		s.bad("ferry took %d KiB of memory", used)
		return
	}
	s.t.Logf("ferry took %d MiB", used>>10)
}

// peak follows ferry to its end, and gives the most memory that it held, in KiB. What wait4 says is no measure: Linux counts there what the
// parent held when it made the process, and these rows' parent holds many rows.
func (f *ferry) peak() (most int64) {
	status := fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid)
	for {
		if text, err := os.ReadFile(status); err == nil {
			if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
				if kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64); err == nil {
					most = max(most, kib)
				}
			}
		}
		select {
		case <-f.done:
			return most
		case <-time.After(10 * time.Millisecond):
		}
	}
}
