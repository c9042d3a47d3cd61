package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/internal/testenv"
)

// An ownEngine is a Docker engine to break, in a network namespace of its own: two engines cannot share a bridge.
type ownEngine struct {
	mu   sync.Mutex // held by the row that uses it
	dir  string
	host string
	disk int // the size of the disk of its own, in bytes; 0: it lies on the machine's
	cmd  *exec.Cmd
}

var breakable = &ownEngine{}

// engineWithin bounds the start and the end of an engine, which take 2 to 10 s.
const engineWithin = 2 * time.Minute

// start starts it, the first time with the images of the shared engine.
func (e *ownEngine) start(t *testing.T, flags ...string) {
	t.Helper()
	first := e.dir == ""
	if first {
		dir, err := os.MkdirTemp("", "fc") // a socket's path has to be short
		if err != nil {
			t.Fatal(err)
		}
		e.dir, e.host = dir, "unix://"+filepath.Join(dir, "docker.sock")
		if err := e.mount(); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(e.dir, name) }
	_ = os.Remove(in("pid"))
	e.cmd = exec.Command("unshare", append([]string{"--net", "dockerd", "-H", e.host, "--data-root", in("data"), "--exec-root", in("exec"),
		"--pidfile", in("pid"), "--iptables=false", "--ip6tables=false", "--shutdown-timeout", "15"}, flags...)...)
	e.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	log, err := os.OpenFile(in("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // a pipe would be held by its containers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(engineWithin); ; time.Sleep(100 * time.Millisecond) {
		if _, err := e.docker("version"); err == nil {
			break
		}
		if time.Now().After(late) {
			_ = e.cmd.Process.Kill()
			_ = e.cmd.Wait()
			text, _ := os.ReadFile(in("log"))
			t.Fatalf("the engine does not start:\n%s", text)
		}
	}
	if first {
		for _, ref := range []string{testenv.ModuleImage(t), testenv.TransferImage(t)} {
			e.load(t, ref)
		}
	}
}

func (e *ownEngine) docker(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	cmd.Env = testenv.Environ("DOCKER_HOST=" + e.host)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (e *ownEngine) load(t *testing.T, ref string) {
	t.Helper()
	save, load := exec.Command("docker", "save", ref), exec.Command("docker", "load")
	save.Env, load.Env = testenv.Environ("DOCKER_HOST="+testenv.Docker(t)), testenv.Environ("DOCKER_HOST="+e.host)
	var err error
	if load.Stdin, err = save.StdoutPipe(); err == nil {
		if err = save.Start(); err == nil {
			err = errors.Join(load.Run(), save.Wait())
		}
	}
	if err != nil {
		t.Fatalf("moving image %q: %v", ref, err)
	}
}

// kill ends it with SIGKILL; stop lets it stop its containers.
func (e *ownEngine) kill() { e.end(syscall.SIGKILL) }
func (e *ownEngine) stop() { e.end(syscall.SIGTERM) }

func (e *ownEngine) end(sig syscall.Signal) {
	if e.cmd == nil {
		return
	}
	_ = e.cmd.Process.Signal(sig)
	kill := time.AfterFunc(engineWithin, func() { _ = e.cmd.Process.Kill() })
	defer kill.Stop()
	_ = e.cmd.Wait()
	e.cmd = nil
	e.forgetContainerd()
}

// forgetContainerd waits for the end of a killed engine's containerd, which ends with it, and removes its pid file: the next
// engine would wait in vain for one that nobody has reaped.
func (e *ownEngine) forgetContainerd() {
	file := filepath.Join(e.dir, "exec", "containerd", "containerd.pid")
	pid, err := os.ReadFile(file)
	if err != nil {
		return
	}
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
	}
	_ = os.Remove(file)
}

// close ends it, and whatever of it is left.
func (e *ownEngine) close(t *testing.T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dir == "" {
		return
	}
	if e.cmd != nil {
		if ids, err := e.docker("ps", "-aq"); err == nil && strings.TrimSpace(ids) != "" {
			_, _ = e.docker(append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
		}
		e.stop()
	}
	e.unmount()
	if err := os.RemoveAll(e.dir); err != nil {
		t.Logf("the engine left something: %v", err)
	}
	e.dir = ""
}

// unmount removes what a killed engine left mounted.
func (e *ownEngine) unmount() {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	lines := strings.Split(string(b), "\n")
	for _, line := range slices.Backward(lines) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], e.dir+"/") {
			_ = syscall.Unmount(f[4], syscall.MNT_DETACH)
		}
	}
}

// onOwn gives the scene to an engine of its own, on which nobody else works until the row ends.
func (s *scene) onOwn(flags ...string) *ownEngine {
	s.t.Helper()
	breakable.mu.Lock()
	s.t.Cleanup(func() {
		if breakable.cmd != nil {
			breakable.stop()
		}
		breakable.mu.Unlock()
	})
	breakable.start(s.t, flags...)
	s.host, s.onHost = breakable.host, true
	return breakable
}

// reach makes the scene's store answer in the engine's network, too, where ferry has the host's address of it.
func (e *ownEngine) reach(t *testing.T, endpoint string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pid := e.cmd.Process.Pid // unshare has become dockerd
	made := make(chan error, 1)
	var l net.Listener
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the namespace it entered
		made <- func() error {
			ns, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
			if err != nil {
				return err
			}
			defer func() { _ = ns.Close() }()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			l, err = net.Listen("tcp", u.Host)
			return err
		}()
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				to, err := net.Dial("tcp", u.Host)
				if err != nil {
					return
				}
				defer func() { _ = to.Close() }()
				go func() { _, _ = io.Copy(to, c); _ = to.Close() }()
				_, _ = io.Copy(c, to)
			}()
		}
	}()
}

func engineRows() (rows []row) {
	const group = "The engine is killed and started again"
	for _, stage := range []string{"prepare", "stage-in", "launch", "module", "stage-out", "clean"} {
		r := row{group: group, name: "in " + stage, own: true, run: func(s *scene) {
			e := s.onOwn()
			f, release := s.within(stage)
			e.kill()
			if stage == "prepare" {
				release()
				f.end()
			}
			e.start(s.t)
			if stage == "stage-in" || stage == "stage-out" {
				release()
			}
			if s.row.code == 69 && stage != "module" {
				s.expect()
			}
			s.check(f)
		}}
		if stage == "prepare" || stage == "launch" || stage == "module" {
			r.code, r.cause = 69, "engine"
		}
		rows = append(rows, r)
	}
	return append(rows,
		row{group: group, name: "in module, by an engine that keeps containers running (live-restore)", own: true, run: func(s *scene) {
			e := s.onOwn("--live-restore")
			s.exec("set -e", "cp /in/* .", "echo 'module begun'", "while [ ! -e go ]; do sleep 0.2; done", "rm go", "echo done > result.txt", "echo the end")
			f := s.start()
			f.until("module begun")
			e.kill()
			e.start(s.t, "--live-restore")
			if err := os.WriteFile(filepath.Join(s.prefix, s.id+".1", workdir, "go"), nil, 0o644); err != nil {
				s.t.Fatal(err)
			}
			s.check(f)
		}},
		row{group: group, name: "in module, and never comes back", code: 69, cause: "engine", own: true, leaves: true, run: func(s *scene) {
			e := s.onOwn()
			f, _ := s.within("module")
			e.kill()
			f.end()
			e.start(s.t)
			s.check(f)
		}},
		row{group: group, name: "in module, stopping ferry's own container with all others (SIGTERM)", code: 75, cause: "interrupted", own: true, run: func(s *scene) {
			e := s.onOwn()
			s.onHost = false
			e.reach(s.t, s.proxy.URL)
			f, _ := s.within("module")
			e.stop()
			e.start(s.t)
			s.got.mu.Lock()
			f.codeUnknown = true // the docker command lost its engine before ferry ended
			s.got.mu.Unlock()
			s.check(f)
		}},
		row{group: group, name: "no engine answers from the beginning", code: 69, cause: "engine", quick: true, run: func(s *scene) {
			s.onHost = true
			s.expect()
			host := s.host
			s.host = "unix:///nonexistent/docker.sock"
			f := s.start()
			f.end()
			s.host = host
			s.check(f)
		}},
		row{group: silent, name: "from the beginning", code: 69, cause: "engine", slow: true, run: func(s *scene) { s.withSilent(func(string) bool { return true }) }},
		row{group: silent, name: "when the container is made", code: 69, cause: "engine", slow: true, run: func(s *scene) {
			s.withSilent(func(path string) bool { return strings.HasSuffix(path, "/containers/create") })
		}},
		row{group: silent, name: "while the module runs, and ferry is told to stop (SIGTERM, and SIGKILL 30 s later)", code: 75, cause: "interrupted", slow: true, leaves: true,
			run: (*scene).silentAtTerm},
	)
}

// silent is the group of an engine that hangs.
const silent = "The engine accepts what it is asked and never answers"

// withSilent runs a job with an engine that never answers certain requests.
func (s *scene) withSilent(silent func(path string) bool) {
	s.t.Helper()
	s.expect()
	speak := s.silence(silent)
	f := s.start()
	f.end()
	speak()
	s.check(f)
}

// batchKills is how long after TERM AWS Batch sends KILL.
const batchKills = 30 * time.Second

// silentAtTerm is an engine that falls silent while the module runs. Then whoever runs ferry wants it to end, as AWS Batch does.
func (s *scene) silentAtTerm() {
	s.t.Helper()
	var on atomic.Bool
	speak := s.silence(func(string) bool { return on.Load() })
	f, _ := s.within("module")
	on.Store(true)
	f.signal(syscall.SIGTERM)
	kill := time.AfterFunc(batchKills, func() { _ = f.cmd.Process.Kill() })
	f.end()
	kill.Stop()
	speak()
	s.check(f)
}

// silence puts an engine before the scene's own that never answers certain requests, until speak.
func (s *scene) silence(silent func(path string) bool) (speak func()) {
	s.t.Helper()
	host := s.host
	to := strings.TrimPrefix(host, "unix://")
	l, err := net.Listen("unix", filepath.Join(tempDir(s.t), "s"))
	if err != nil {
		s.t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", to)
		}},
		FlushInterval: -1,
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if silent(r.URL.Path) {
			<-r.Context().Done()
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	s.t.Cleanup(func() { _ = server.Close() })
	s.onHost, s.host = true, "unix://"+l.Addr().String()
	return func() { s.host = host }
}
