package lab

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Ferry is the path of the static ferry binary, built from this working tree once per process. It is safe for concurrent
// use, as Tool is.
func Ferry() (string, error) { return build("ferry", filepath.Join(Root(), "cmd", "ferry")) }

// Tool is the path of a program of tools/, such as "demo" or "bench/run", built once per process.
func Tool(name string) (string, error) {
	return build(strings.ReplaceAll(name, "/", "-"), filepath.Join(Root(), "tools", name))
}

// locked runs f while no other process runs one of the same name in this repository.
func locked(name string, f func() error) error {
	if err := os.MkdirAll(cacheDir(), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(cacheDir(), "."+name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which also unlocks
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
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", stage, ".")
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
	tmp := path + ".new"
	if err := CopyFile(tmp, stage, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// CopyFile copies the content of a file to dst, which has the mode whatever the umask is. It holds no more than a block of the
// file: a benchmark's own peak of memory counts as that of its children.
func CopyFile(dst, src string, mode os.FileMode) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

func fileHash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
