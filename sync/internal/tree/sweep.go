package tree

import (
	"time"

	"golang.org/x/sys/unix"
)

// A file that is being written is locked as long as its writer lives, whatever machine or container that is in. The kernel gives the lock
// up when the writer ends, and so what a killed process left is known by its lock.

// lock locks a new temporary file. A file system without locks keeps what killed processes leave.
func lock(fd int) bool {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	return err == nil || err != unix.EWOULDBLOCK
}

// youth is how long a file is left alone: between making and locking it, its writer may be held up.
const youth = 2 * time.Second

// sweep removes what killed processes left in the directory.
func (d *Dir) sweep() {
	f, err := d.root.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it is only read
	for {
		names, err := f.Readdirnames(1024)
		for _, n := range names {
			if IsTemp(n) {
				sweep(d.fd(), n)
			}
		}
		if err != nil {
			return
		}
	}
}

// sweep removes the temporary file name in the directory dirfd, unless its writer lives.
func sweep(dirfd int, name string) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dirfd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }() // it was not written
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || time.Since(timeOf(st.Mtim)) < youth {
		return
	}
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = unix.Unlinkat(dirfd, name, 0) // what stays has a name that every walk passes over
	}
}
