package commit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
)

// smallEngine starts an engine of its own whose disk has size bytes, and gives its address.
func smallEngine(t *testing.T, size int) string {
	t.Helper()
	program, err := exec.LookPath("dockerd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/dockerd")
	}
	testenv.Require(t, err == nil && os.Geteuid() == 0, "dockerd, and root's rights to run it")
	dir, err := os.MkdirTemp("", "fz") // short: a socket's path has 108 characters at most
	if err != nil {
		t.Fatal(err)
	}
	data, sock := filepath.Join(dir, "data"), filepath.Join(dir, "sock")
	if err := errors.Join(os.Mkdir(data, 0o700), syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d", size))); err != nil {
		t.Fatal(err)
	}
	bridge := ownBridge(t)
	var log bytes.Buffer
	cmd := exec.Command(program, "--data-root", data, "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"-H", "unix://"+sock, "--bridge="+bridge, "--iptables=false", "--ip-masq=false", "--storage-driver=overlay2")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = syscall.Unmount(data, syscall.MNT_DETACH)
		_ = os.RemoveAll(dir)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if c, err := net.Dial("unix", sock); err == nil {
			c.Close()
			return "unix://" + sock
		}
		select {
		case <-ctx.Done():
			t.Fatalf("dockerd does not answer: %s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var bridges atomic.Int64

// ownBridge makes a bridge for an engine of a test's own: two engines cannot share docker0, and one with --bridge=none
// removes it, though it is another's.
func ownBridge(t *testing.T) string {
	t.Helper()
	n := bridges.Add(1)
	name := fmt.Sprintf("fz%d-%d", os.Getpid(), n)
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %q: %w: %s", args, err, out)
		}
		return nil
	}
	// Of the block for documentation, RFC 5737, which no network uses.
	err := errors.Join(ip("link", "add", name, "type", "bridge"), ip("addr", "add", fmt.Sprintf("198.51.100.%d/28", 16*n+1), "dev", name), ip("link", "set", name, "up"))
	testenv.Require(t, err == nil, fmt.Sprintf("a network bridge (iproute2): %v", err))
	t.Cleanup(func() {
		if err := ip("link", "delete", name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// moveImage brings an image of the shared engine to another.
func moveImage(t *testing.T, ref, host string) {
	t.Helper()
	resp, err := api(t).Get("http://engine/images/" + ref + "/get")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", host[len("unix://"):])
	}}}
	done, err := to.Post("http://engine/images/load", "application/x-tar", resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	defer done.Body.Close()
	if body, err := io.ReadAll(done.Body); err != nil || done.StatusCode != http.StatusOK || bytes.Contains(body, []byte("errorDetail")) {
		t.Fatalf("loading an image: %s %s %v", done.Status, body, err)
	}
}

// TestPullDiskFull pulls an image that is larger than the engine's disk.
func TestPullDiskFull(t *testing.T) {
	t.Parallel()
	host := smallEngine(t, 80<<20)
	r := registrytest.Start(t, registrytest.Options{})
	large := make([]byte, 100<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(large)
	ref := r.Host + "/lab/large:1"
	local := testenv.DerivedImage(t, testenv.ModuleImage(t), map[string]string{"large": string(large)})
	testenv.DockerCommand(t, nil, "tag", local, ref)
	testenv.DockerCommand(t, nil, "push", "-q", ref)
	testenv.DockerCommand(t, nil, "rmi", ref)
	e, err := docker.New(docker.Config{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	_, err = e.Image(t.Context(), ref, nil)
	named := cause.Name(t.Context(), cause.Image, "", err)
	if !errors.Is(err, engine.ErrDisk) || cause.Of(named) != cause.Disk || cause.HintOf(named) == "" {
		t.Errorf("%v is %q", err, cause.Of(named))
	}
}

// TestDiskFull freezes in an engine whose disk has no room for the files, and in one that has none for the commit.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	host := smallEngine(t, 80<<20)
	ref := testenv.ModuleImage(t)
	moveImage(t, ref, host)
	e, err := docker.New(docker.Config{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	r := registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	name := r.Host + "/lab/full:1"
	for _, megabytes := range []int{100, 50} {
		dir := t.TempDir()
		random := rand.NewChaCha8([32]byte{1})
		body := make([]byte, 1<<20)
		for i := range megabytes {
			_, _ = random.Read(body)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		out, err := f.Freeze(t.Context(), commit.Request{Name: name, Image: image(t, e, ref), Dirs: []copytree.Dir{copytree.FromRoot(root, ".", "/gp/lib", nil, nil)}})
		if err == nil || out.Outcome != commit.OutcomeFailed || out.Error == "" {
			t.Errorf("%d MB: %+v, %v", megabytes, out, err)
		}
		t.Logf("%d MB: %v", megabytes, err)
		gone(t, f, name)
		left, err := e.List(t.Context(), map[string]string{commit.LabelVersion: ""})
		if err != nil || len(left) > 0 {
			t.Errorf("%d MB: left: %+v, %v", megabytes, left, err)
		}
	}
	if tags := r.Tags(t, "lab/full"); len(tags) > 0 {
		t.Errorf("pushed: %q", tags)
	}
	// With room again the same engine freezes.
	out, err := f.Freeze(t.Context(), commit.Request{Name: name, Image: image(t, e, ref), Dirs: tasklib(t)})
	if err != nil || out.Outcome != commit.OutcomePushed {
		t.Errorf("afterwards: %+v, %v", out, err)
	}
}
