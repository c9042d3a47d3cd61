package testenv

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// cacheDir is where built programs are kept between runs; the repository ignores it.
func cacheDir() string { return filepath.Join(Root(), "bin", "test") }

// locked runs f while no other test process runs one of the same name in this repository.
func locked(name string, f func() error) error {
	if err := os.MkdirAll(cacheDir(), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(cacheDir(), "."+name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // which also unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return f()
}

// built remembers what this process has built.
var built struct {
	sync.Mutex
	paths map[string]string
}

// build compiles the main package in dir to a static binary called name, once per process, and returns its path. The Go
// tool links again only what changed. A binary is replaced by rename, so one that runs is not disturbed.
func build(name, dir string) (string, error) {
	built.Lock()
	defer built.Unlock()
	if p := built.paths[name]; p != "" {
		return p, nil
	}
	path := filepath.Join(cacheDir(), name)
	err := locked(name, func() error {
		stage := filepath.Join(cacheDir(), "."+name+".stage")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", stage, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %q: %w\n%s", dir, err, out)
		}
		return publish(stage, path)
	})
	if err != nil {
		return "", err
	}
	if built.paths == nil {
		built.paths = map[string]string{}
	}
	built.paths[name] = path
	return path, nil
}

// publish puts a copy of stage at path, unless that is what is there.
func publish(stage, path string) error {
	want, err := fileHash(stage)
	if err != nil {
		return err
	}
	if have, err := fileHash(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	data, err := os.ReadFile(stage)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func fileHash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// FerryBinary is the path of the static ferry binary, built from this working tree once per test binary.
func FerryBinary(t testing.TB) string {
	t.Helper()
	path, err := build("ferry", filepath.Join(Root(), "cmd", "ferry"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
