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

// callerOf is who asks for a job, as "uid:gid": the owner of the local prefix. The person who asks makes that directory on the
// node, and so owns it. It is "" where the prefix cannot be read.
func callerOf(j *job.Job) string {
	if j.Dirs.InPlace {
		return asker(j).String()
	}
	st, err := os.Stat(j.LocalPrefix)
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

// runsAs is who the module runs as in an image, by number. It is false where the image does not say who its user is.
func runsAs(j *job.Job, img engine.Image) (owner, bool) {
	switch {
	case j.Container.User == job.UserCaller:
		return ownerOf(callerOf(j))
	case j.Container.User != job.UserImage:
		return ownerOf(j.Container.User)
	case img.User == "" && img.Owner == "":
		return owner{}, true
	}
	return ownerOf(img.Owner)
}

// userFor is the user to ask the engine for, "" for the image's own. With --forbid-root it is a number, because it was judged as one:
// the engine has its own reading of names. The groups of an image's user stay what they are where the image names none.
func userFor(j *job.Job, img engine.Image) string {
	if j.Container.User == job.UserImage && (!j.Container.ForbidRoot || img.User == "") {
		return ""
	}
	who, ok := runsAs(j, img)
	switch {
	case !ok:
		return ""
	case j.Container.User == job.UserImage && !strings.Contains(img.User, ":"):
		return strconv.Itoa(who.uid)
	}
	return fmt.Sprintf("%d:%d", who.uid, who.gid)
}

// mayRun is --forbid-root.
func mayRun(j *job.Job, img engine.Image) error {
	if !j.Container.ForbidRoot {
		return nil
	}
	const hint = "use an image with a USER, or give --user"
	switch who, ok := runsAs(j, img); {
	case !ok:
		return cause.Fail(cause.Refused, hint, "image %q runs as %q, whom its /etc/passwd does not name, so that nobody knows whether that is root; --forbid-root refuses it", j.Container.Image, img.User)
	case who.uid == 0:
		return cause.Fail(cause.Refused, hint, "image %q runs as root (user %q), which --forbid-root refuses", j.Container.Image, img.User)
	}
	return nil
}

// giveTo lets the module's user read what was staged in, and write its directories. Other users of the node gain nothing,
// because only ferry's own user can enter the attempt's root.
func (s *site) giveTo(img engine.Image) error {
	if s.volume != nil {
		return nil // stage-in did
	}
	me := os.Geteuid()
	who, ok := runsAs(&s.job, img)
	if !ok {
		return cause.Fail(cause.Launch, "give --user uid:gid", "image %q runs as %q, whom its /etc/passwd does not name", s.job.Container.Image, img.User)
	}
	if s.job.Dirs.InPlace {
		return s.inPlace.lend(who)
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
		case d.IsDir() && len(name) > maxKept:
			return fs.SkipDir
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
