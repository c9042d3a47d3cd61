package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/wrapper/node"
)

// This file has the volume by which a job runs in three containers: what is where on it, and who may use it when.

// Names in platform.RelayDir.
const (
	relayFerry  = "ferry"       // the binary, which needs nothing of the module's image
	relayOrders = "orders.json" // what `ferry exec` has to know
	relayBaton  = "baton.json"  // what stage-out has to know
	relayLock   = "volume.lock" // held by stage-in and by stage-out while they run
	relayStop   = "stop"        // is there once stage-out was told to stop, and `ferry exec` is to stop the module
)

// Names in platform.ExecDir.
const (
	execLock = "lock"     // held by `ferry exec`; it appears with the lock on it
	execEnd  = "end.json" // how the module ended
)

// A volume is what three containers of one job share. The kernel gives up its locks when a process ends, however it ends, also where
// the next that asks is in another container.
type volume struct {
	dir  string
	root *os.Root
	lock *os.File // nil in `ferry exec`
}

// errTaken is the error of a volume that another job uses.
var errTaken = errors.New("in use")

// openVolume opens the volume at dir for a job and takes its lock. Where wait is false, one that another ferry holds is refused. Its
// errors have a cause.
func openVolume(ctx context.Context, dir, id string, wait bool) (*volume, error) {
	hint := "mount a volume that ferry may write there, or give another --local-prefix"
	if err := os.MkdirAll(filepath.Join(dir, platform.RelayDir), 0o755); err != nil {
		return nil, cause.Fail(cause.Usage, hint, "the volume %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, cause.Fail(cause.Usage, hint, "the volume %s: %w", dir, err)
	}
	v := &volume{dir: dir, root: root}
	if v.lock, err = root.OpenFile(path.Join(platform.RelayDir, relayLock), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600); err != nil {
		_ = root.Close()
		return nil, cause.Fail(cause.Usage, hint, "the volume %s: %w", dir, err)
	}
	for {
		err := flock(v.lock, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return v, nil
		}
		if !wait || !errors.Is(err, syscall.EWOULDBLOCK) {
			v.close()
			return nil, cause.Fail(cause.Refused, "give each job a volume of its own", "the volume %s is %w: %w", dir, errTaken, node.ErrRunning)
		}
		select {
		case <-ctx.Done():
			v.close()
			return nil, cause.Stopped(ctx, ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

// lockPause is between two tries to take a lock.
const lockPause = 20 * time.Millisecond

// flock is flock(2), which signals interrupt.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (v *volume) close() {
	if v.lock != nil {
		_ = v.lock.Close()
	}
	_ = v.root.Close()
}

func (v *volume) path(names ...string) string {
	return filepath.Join(append([]string{v.dir}, names...)...)
}

// write writes a small file of ferry's own, atomically.
func (v *volume) write(name string, data []byte, mode fs.FileMode) error {
	return v.writeFrom(name, mode, func(w io.Writer) error { _, err := w.Write(data); return err })
}

func (v *volume) writeFrom(name string, mode fs.FileMode, fill func(io.Writer) error) error {
	tmp := name + ".part"
	_ = v.root.Remove(tmp)
	f, err := v.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	err = f.Chmod(mode) // whatever the umask
	if err == nil {
		err = fill(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = v.root.Rename(tmp, name)
	}
	if err != nil {
		_ = v.root.Remove(tmp)
	}
	return err
}

// read reads a file that is no larger than most. What was opened is judged, not its name: the module may have laid anything there.
func (v *volume) read(name string, most int64) ([]byte, error) { return readFrom(v.root, name, most) }

func readFrom(root *os.Root, name string, most int64) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no file", name))
	}
	return bounded.All(f, most)
}

// vacate removes what an earlier run of the same job left. A volume that another job has not done with is refused.
func (v *volume) vacate(j *job.Job) error {
	if old, err := v.baton(); v.execRuns() || err == nil && old.Job != j.Identity.ID {
		return v.taken(j.Identity.ID)
	}
	return v.clear()
}

// taken is the error of a volume that is in use when the job of that id wants it. Where it is that very job's, what the store has of the
// job is to stand.
func (v *volume) taken(id string) error {
	const hint = "give each job a volume of its own, or wait until that one is staged out"
	old, err := v.baton()
	switch {
	case err != nil:
		return cause.Fail(cause.Refused, hint, "the volume %s is %w", v.dir, errTaken)
	case old.Job == id:
		return cause.Fail(cause.Refused, "wait for its end", "the volume %s is %w: job %q is %w", v.dir, errTaken, id, node.ErrRunning)
	}
	return cause.Fail(cause.Refused, hint, "the volume %s is %w by job %q, which is not staged out", v.dir, errTaken, old.Job)
}

// clear removes the job from the volume, with the binary: a module's container that is yet to start cannot.
func (v *volume) clear() error {
	var all []error
	for _, name := range []string{platform.JobDir, platform.ExecDir} {
		all = append(all, rmtree.Below(v.root, name))
	}
	dir, err := v.root.Open(platform.RelayDir)
	if err != nil {
		return errors.Join(append(all, err)...)
	}
	defer func() { _ = dir.Close() }() // nothing was written
	names, err := dir.Readdirnames(-1)
	all = append(all, err)
	for _, n := range names {
		if n == relayFerry || n == relayOrders || n == relayBaton || n == relayStop || isPart(n) {
			all = append(all, v.root.Remove(path.Join(platform.RelayDir, n)))
		}
	}
	return errors.Join(all...)
}

// execRuns reports whether `ferry exec` of some job runs on the volume.
func (v *volume) execRuns() bool {
	f, err := v.openExecLock()
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // which gives the lock up
	return errors.Is(flock(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// openExecLock opens the lock's file, which may be anything that the module put there.
func (v *volume) openExecLock() (*os.File, error) {
	f, err := v.root.OpenFile(path.Join(platform.ExecDir, execLock), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		_ = f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no file", execLock))
	}
	return f, nil
}

// install leaves ferry's own static binary on the volume, where the module's container runs it.
func install(v *volume) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing was written
	return v.writeFrom(path.Join(platform.RelayDir, relayFerry), 0o755, func(w io.Writer) error { _, err := io.Copy(w, from); return err })
}
