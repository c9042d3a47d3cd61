package wrapper

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/job"
)

// A person is a user of this node with all their groups. The zero person is root.
type person struct {
	uid, gid int
	groups   []int
}

// asker is who asks for a job in place: ferry's own user, or, where that is root, the owner of the working dir. Groups are those of
// /etc/group.
func asker(j *job.Job) person {
	if me := os.Geteuid(); me != 0 {
		groups, _ := os.Getgroups()
		return person{uid: me, gid: os.Getegid(), groups: groups}
	}
	st, err := os.Stat(j.Dirs.Work)
	if err != nil {
		return person{} // prepare says what is wrong with it
	}
	sys := st.Sys().(*syscall.Stat_t)
	p := person{uid: int(sys.Uid), gid: int(sys.Gid)}
	if p.uid == 0 {
		return person{}
	}
	if u, err := user.LookupId(strconv.Itoa(p.uid)); err == nil {
		if gid, err := strconv.Atoi(u.Gid); err == nil {
			p.gid = gid
		}
		ids, _ := u.GroupIds()
		for _, id := range ids {
			if gid, err := strconv.Atoi(id); err == nil {
				p.groups = append(p.groups, gid)
			}
		}
	}
	return p
}

func (p person) String() string { return fmt.Sprintf("%d:%d", p.uid, p.gid) }

// further are the groups besides gid, as the engine takes them.
func (p person) further() []string {
	var all []string
	for _, g := range p.groups {
		if g != p.gid {
			all = append(all, strconv.Itoa(g))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// do calls f on a thread that has this person's rights, and ends that thread. f must not start goroutines.
func (p person) do(f func() error) error {
	if os.Geteuid() != 0 || p.uid == 0 {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine, and with it these rights
		err := p.become()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// become changes the rights of the calling thread alone. The functions of package syscall would change those of all threads.
func (p person) become() error {
	groups := make([]uint32, len(p.groups), len(p.groups)+1)
	for i, g := range p.groups {
		groups[i] = uint32(g)
	}
	groups = append(groups, uint32(p.gid))
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); e != 0 {
		return fmt.Errorf("taking the groups of user %d: %w", p.uid, e)
	}
	gid, uid := uintptr(p.gid), uintptr(p.uid)
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, gid, gid, gid); e != 0 {
		return fmt.Errorf("taking the group of user %d: %w", p.uid, e)
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); e != 0 {
		return fmt.Errorf("taking the rights of user %d: %w", p.uid, e)
	}
	return nil
}

// may is nil where the person may read p, and write it where write is set. A directory that may not be entered cannot be read.
func (p person) may(path string, write bool) error {
	return p.do(func() error {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		mode := uint32(unix.R_OK)
		if st.IsDir() {
			mode |= unix.X_OK
		}
		if write {
			mode |= unix.W_OK
		}
		return unix.Access(path, mode)
	})
}
