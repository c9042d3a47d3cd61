package wrapper

import (
	"context"
	"strings"
)

// shells are looked for in this order: modules are written for bash, and many images have only sh. The folders are those
// of an image's usual PATH.
var shells = []string{"/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/usr/bin/sh", "/usr/local/bin/sh"}

// pull makes the image present and finds out what to run exec.sh with.
func (a *attempt) pull(ctx context.Context) error {
	img, err := a.Engine.Image(ctx, a.Image, a.Login)
	if err != nil {
		return engineCause(ctx, CauseImage, err)
	}
	a.image = img
	a.rec.edit(func(r *Record) { r.Image.ID, r.Image.Digest = img.ID, img.Digest })
	if a.ForbidRoot && isRoot(a.moduleUser()) {
		return Fail(CauseRefused, "use an image with a USER, or give --user", "image %q runs as root, which --forbid-root refuses", a.Image)
	}
	has, err := a.Engine.Has(ctx, img, shells)
	if err != nil {
		return engineCause(ctx, CauseEngine, err)
	}
	for _, s := range shells {
		if has[s] {
			a.shell = s
			return nil
		}
	}
	return Fail(CauseLaunch, "exec.sh needs one; add it to the image", "image %q has neither bash nor sh", a.Image)
}

// moduleUser is who the module runs as, "" for root.
func (a *attempt) moduleUser() string {
	switch a.User {
	case UserImage:
		return a.image.User
	case UserCaller:
		return a.callerID()
	}
	return a.User
}

// isRoot says that a USER is root: by number, by name, or by being left out.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || strings.Trim(name, "0") == ""
}
