package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/internal/bounded"
)

// An oomWatch asks the kernel whether a container was killed for memory. The engine says so by ways of its own, of which each may come too
// late on a busy node. The kernel's counter goes with the container, so it is watched from the container's start.
type oomWatch struct {
	told chan struct{} // closed once something in the container was killed for memory
	wake *os.File      // has something to read when the counter may have changed
}

// watchOOM watches a container that runs; nil where this process does not see the container's cgroup.
func (c *Container) watchOOM(ctx context.Context) *oomWatch {
	if !c.watched {
		return nil
	}
	in, err := c.conn.container(ctx, c.id)
	if err != nil || in.State.Pid == 0 {
		return nil
	}
	text, err := bounded.File(fmt.Sprintf("/proc/%d/cgroup", in.State.Pid), maxMountinfo)
	if err != nil {
		return nil
	}
	dir, v2 := cgroupOf(string(text), c.id)
	switch {
	case dir == "":
		return nil
	case v2:
		return watchEvents(filepath.Join("/sys/fs/cgroup", dir, "memory.events"))
	}
	return watchControl(filepath.Join("/sys/fs/cgroup/memory", dir))
}

// cgroupOf finds the cgroup that counts a process's memory in the text of its /proc/PID/cgroup. It is "" where that is not the container's:
// the process may be another one of the same number, in another namespace.
func cgroupOf(text, container string) (dir string, v2 bool) {
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || !strings.Contains(path, container) {
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if c == "memory" {
				return path, false
			}
		}
		if controllers == "" {
			dir, v2 = path, true
		}
	}
	return dir, v2
}

// kills reads the counter of a file of the kernel's; -1 where the file is gone.
func kills(f *os.File) int {
	b := make([]byte, 4096)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return -1
	}
	for line := range bytes.Lines(b[:n]) {
		if f := strings.Fields(string(line)); len(f) == 2 && f[0] == "oom_kill" {
			count, _ := strconv.Atoi(f[1])
			return count
		}
	}
	return 0
}

// watchEvents watches the counter of a cgroup of version 2, whose file wakes inotify.
func watchEvents(name string) *oomWatch {
	counter, err := os.Open(name)
	if err != nil {
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, name, unix.IN_MODIFY)
	}
	if err != nil {
		_ = counter.Close()
		return nil
	}
	w := &oomWatch{told: make(chan struct{}), wake: os.NewFile(uintptr(fd), "inotify")}
	go w.watch(counter, false)
	return w
}

// watchControl watches the counter of a cgroup of version 1, where the kernel wakes an event descriptor when memory is out, and when the
// cgroup is removed.
func watchControl(dir string) *oomWatch {
	counter, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cgroup.event_control"), fmt.Appendf(nil, "%d %d", fd, counter.Fd()), 0)
	}
	if err != nil {
		_ = counter.Close()
		return nil
	}
	w := &oomWatch{told: make(chan struct{}), wake: os.NewFile(uintptr(fd), "eventfd")}
	go w.watch(counter, true)
	return w
}

const (
	// killTime is how long a kill may take after the kernel has said that memory is out.
	killTime = time.Second
	// killPause is between two readings meanwhile. The counter is there for some tens of milliseconds after the kill.
	killPause = 2 * time.Millisecond
)

// watch returns when something was killed, or nothing can be any more. early says that the kernel wakes before it kills.
func (w *oomWatch) watch(counter *os.File, early bool) {
	defer func() { _ = counter.Close() }()
	b := make([]byte, 4096)
	for woken := false; ; woken = true {
		n := kills(counter)
		for late := time.Now().Add(killTime); early && woken && n == 0 && time.Now().Before(late); n = kills(counter) {
			time.Sleep(killPause)
		}
		if n > 0 {
			close(w.told)
			return
		}
		if n < 0 {
			return
		}
		if _, err := w.wake.Read(b); err != nil {
			return
		}
	}
}

// close ends the watch.
func (w *oomWatch) close() {
	if w != nil {
		_ = w.wake.Close()
	}
}

// killed is closed once something was killed; nil, which never is, for no watch.
func (w *oomWatch) killed() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.told
}
