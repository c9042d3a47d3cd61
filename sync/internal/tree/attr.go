package tree

import (
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// markName is the extended attribute that remembers what object a file was downloaded from.
const markName = "user.ferry.object"

// setMark keeps the mark with the file, where the file system has extended attributes. Where it has not, an unchanged
// tree is recognised by size and time alone.
func setMark(fd int, mark []byte) {
	_ = unix.Fsetxattr(fd, markName, mark, 0)
}

// markOf reads the mark of the file name in the directory dirfd, which is no symlink. There is no getxattrat before
// Linux 6.13; the magic link of the descriptor stands for the directory, and name has no slash. can says whether the file system could have
// kept one.
func markOf(dirfd int, name string) (mark []byte, can bool) {
	var buf [256]byte
	n, err := unix.Lgetxattr("/proc/self/fd/"+strconv.Itoa(dirfd)+"/"+name, markName, buf[:])
	if err != nil {
		return nil, err != unix.ENOTSUP
	}
	return buf[:n:n], true
}

// setTime sets both times of an open file: utimensat with no path, which package unix does not offer.
func setTime(fd int, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return err
	}
	both := [2]unix.Timespec{ts, ts}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&both)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
