package node

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/procid"
)

// What others put under the names of ferry's files is neither followed nor waited for.
func TestLockNamesOfOthers(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(prefix string) string { return filepath.Join(prefix, ownDir, "1"+lockSuffix) }
	shelf := func(prefix string) error { return os.Mkdir(filepath.Join(prefix, ownDir), 0o755) }
	for name, plant := range map[string]func(prefix string) error{
		"a link":          func(p string) error { return errors.Join(shelf(p), os.Symlink(victim, at(p))) },
		"a dangling link": func(p string) error { return errors.Join(shelf(p), os.Symlink(victim+".new", at(p))) },
		"a pipe":          func(p string) error { return errors.Join(shelf(p), syscall.Mkfifo(at(p), 0o666)) },
		"a folder":        func(p string) error { return errors.Join(shelf(p), os.Mkdir(at(p), 0o777)) },
		"a linked shelf":  func(p string) error { return os.Symlink(filepath.Dir(victim), filepath.Join(p, ownDir)) },
		"an open shelf":   func(p string) error { return errors.Join(shelf(p), os.Chmod(filepath.Join(p, ownDir), 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			prefix := t.TempDir()
			if err := plant(prefix); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			l, err := LockJob(ctx, prefix, "1")
			if err == nil {
				_ = l.Write(Held{Job: "1"})
				t.Error("the lock was taken")
			}
			if ctx.Err() != nil {
				t.Error("it was waited for")
			}
			if text, err := os.ReadFile(victim); string(text) != "precious" {
				t.Errorf("the link was followed: %q, %v", text, err)
			}
			if Existing(victim+".new") != "" {
				t.Error("the dangling link was followed")
			}
		})
	}
}

// A lock whose file was lost does not take another ferry's file away.
func TestReleaseOfALostLock(t *testing.T) {
	dir := t.TempDir()
	first, err := LockJob(t.Context(), dir, "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ownDir)); err != nil {
		t.Fatal(err)
	}
	second, err := LockJob(t.Context(), dir, "1")
	if err != nil {
		t.Fatal(err)
	}
	first.Release()
	if _, err := takeLock(dir, "1"); !errors.Is(err, errHeld) {
		t.Errorf("the second's lock: %v", err)
	}
	second.Release()
}

// dead is a process that has ended.
func deadProcess(t *testing.T) By {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	by := Me(nil)
	by.PID, by.Start = cmd.Process.Pid, procid.StartOf(cmd.Process.Pid)
	if got := newWitness(t.Context(), listed{}).of(by, true); got != alive {
		t.Errorf("a living process is %v", got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return by
}

// listed is an engine that has these containers.
type listed struct {
	engine.Engine
	found []engine.Found
}

func (l listed) List(context.Context, map[string]string) ([]engine.Found, error) { return l.found, nil }

func TestLifeOf(t *testing.T) {
	w := newWitness(t.Context(), listed{found: []engine.Found{{ID: "runs", Running: true}, {ID: "ended"}}})
	me := Me(nil)
	with := func(change func(*By)) By { b := me; change(&b); return b }
	for _, c := range []struct {
		name     string
		by       By
		onEngine bool
		want     life
	}{
		{"nobody", By{}, true, unknown},
		{"this process", me, false, alive},
		{"a process that ended", deadProcess(t), false, dead},
		{"a later process of that number", with(func(b *By) { b.Start = "1" }), false, dead},
		{"a container that runs", with(func(b *By) { b.Space, b.Container = "pid:[1]", "runs" }), true, alive},
		{"a container that ended", with(func(b *By) { b.Space, b.Container = "pid:[1]", "ended" }), true, dead},
		{"a container that is gone", with(func(b *By) { b.Space, b.Container = "pid:[1]", "gone" }), true, dead},
		{"a container of another engine", with(func(b *By) { b.Space, b.Container = "pid:[1]", "gone" }), false, unknown},
		{"another container's process", with(func(b *By) { b.Space = "pid:[1]" }), true, unknown},
		{"before this machine was started again", with(func(b *By) { b.Boot = "x" }), false, dead},
		{"on another node", with(func(b *By) { b.Boot, b.Host = "x", "other" }), false, unknown},
	} {
		if got := w.of(c.by, c.onEngine); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Deleting stops when it is told to, and is taken up again. It goes down any depth, and out of nowhere.
func TestTrash(t *testing.T) {
	prefix := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(prefix, "1.1")
	for range 10 { // 1,000 levels, which is below the limit of a path's length at each step
		if err := os.MkdirAll(filepath.Join(deep, strings.Repeat("d/", 100)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(deep, filepath.Join(prefix, "inner")); err != nil {
			t.Fatal(err)
		}
		bottom := filepath.Join(prefix, "1.1", strings.Repeat("d/", 90))
		if err := os.MkdirAll(bottom, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(prefix, "inner"), filepath.Join(bottom, "inner")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(deep, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(deep, "link")); err != nil {
		t.Fatal(err)
	}
	if err := discard(prefix, "1.1"); err != nil {
		t.Fatal(err)
	}
	if Existing(deep) != "" || !Trash(prefix) {
		t.Error("it was not put away")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := EmptyTrash(stopped, prefix); !errors.Is(err, context.Canceled) || !Trash(prefix) {
		t.Errorf("stopped: %v, something is left: %v", err, Trash(prefix))
	}
	if err := EmptyTrash(t.Context(), prefix); err != nil || Trash(prefix) {
		t.Errorf("emptied: %v, something is left: %v", err, Trash(prefix))
	}
	if left, _ := os.ReadDir(prefix); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if Existing(outside) == "" {
		t.Error("a link was followed")
	}
}
