package wrapper

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
)

// owner is a user and group by number.
type owner struct{ uid, gid int }

// callerOf is the owner of the local prefix, as "uid:gid". The person who asks for a job makes that directory on the node, and
// so owns it. It is "" where the prefix cannot be read.
func callerOf(prefix string) string {
	st, err := os.Stat(prefix)
	if err != nil {
		return ""
	}
	sys := st.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", sys.Uid, sys.Gid)
}

// ownerOf parses a USER such as "1000" or "1000:100". It is false for a name, which only the image can resolve.
func ownerOf(user string) (owner, bool) {
	u, g, hasGroup := strings.Cut(user, ":")
	uid, err := strconv.Atoi(u)
	if err != nil {
		return owner{}, false
	}
	gid := 0
	if hasGroup {
		if gid, err = strconv.Atoi(g); err != nil {
			return owner{}, false
		}
	}
	return owner{uid, gid}, true
}

// isRoot reports whether a USER is root: by number, by name, or because it is empty.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || strings.Trim(name, "0") == ""
}

// moduleUser is who the module runs as in an image, "" for root.
func moduleUser(j *job.Job, img engine.Image) string {
	switch j.Container.User {
	case job.UserImage:
		return img.User
	case job.UserCaller:
		return callerOf(j.LocalPrefix)
	}
	return j.Container.User
}

// giveTo lets the module's user read what was staged in, and write its directories. Other users of the node gain nothing,
// because only ferry's own user can enter the attempt's root.
func (s *site) giveTo(img engine.Image) error {
	user := moduleUser(&s.job, img)
	me := os.Geteuid()
	if isRoot(user) && me == 0 {
		return nil
	}
	who := owner{}
	if !isRoot(user) {
		var ok bool
		if who, ok = ownerOf(img.Owner); s.job.Container.User != job.UserImage || !ok {
			if who, ok = ownerOf(user); !ok {
				return cause.Fail(cause.Launch, "give --user uid:gid", "image %q runs as %q, whom its /etc/passwd does not name", s.job.Container.Image, user)
			}
		}
	}
	if who.uid == me {
		return nil
	}
	for _, d := range s.job.Rooted() {
		if err := give(s.root, inRoot(d), who, me == 0); err != nil {
			return fmt.Errorf("giving %s to the module's user: %w", d, err)
		}
	}
	return nil
}

// give makes who the owner of a tree. Where chown is false, it lets everyone read and write the tree instead.
func give(root *os.Root, dir string, who owner, chown bool) error {
	return fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case chown:
			return root.Lchown(name, who.uid, who.gid)
		case d.Type()&fs.ModeSymlink != 0:
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		add := fs.FileMode(0o666)
		if d.IsDir() || st.Mode()&0o111 != 0 {
			add = 0o777
		}
		return root.Chmod(name, st.Mode().Perm()|add)
	})
}
