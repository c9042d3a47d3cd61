package wrapper

import (
	"context"

	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// shells are looked for in this order: modules are written for bash, and many images have only sh. The folders are those
// of an image's usual PATH.
var shells = []string{"/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/usr/bin/sh", "/usr/local/bin/sh"}

// pull makes the image present, and the module container of it.
func (a *attempt) pull(ctx context.Context) error {
	img, err := a.moduleImage(ctx)
	if err != nil {
		return cause.Name(ctx, cause.Image, "", err)
	}
	a.image = img
	a.rec.edit(func(r *Record) { r.Image.ID, r.Image.Digest = img.ID, img.Digest })
	if a.ForbidRoot && isRoot(a.moduleUser()) {
		return cause.Fail(cause.Refused, "use an image with a USER, or give --user", "image %q runs as root, which --forbid-root refuses", a.Image)
	}
	return a.create(ctx)
}

// moduleImage is the frozen image that was chosen, else the one asked for.
func (a *attempt) moduleImage(ctx context.Context) (engine.Image, error) {
	if a.choice != nil {
		return a.choice.Image, nil
	}
	return a.Engine.Image(ctx, a.Image, a.Login)
}

// createTime bounds the making of a container, which takes a tenth of a second, on a node that is busy.
const createTime = 2 * time.Minute

// create makes the module container, with the first of the shells that its image has. It is made while files are still
// being staged in: the engine takes about as long for it as small inputs take to come.
func (a *attempt) create(work context.Context) (err error) {
	if work.Err() != nil {
		return cause.Stopped(work, work.Err())
	}
	// The engine finishes what it was asked for, so an answer that is not waited for is a container nobody knows of.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), createTime)
	defer cancel()
	a.shell = shells[0]
	if a.container, err = a.Engine.Create(ctx, a.spec()); err != nil {
		return cause.Name(ctx, cause.Launch, "", err)
	}
	if a.needsShell() {
		if err := a.chooseShell(ctx); err != nil {
			return err
		}
	}
	spec := a.spec()
	a.rec.edit(func(r *Record) {
		r.Container, r.Command, r.Limits = a.container.ID(), spec.Command, spec.Limits
		for _, m := range spec.Mounts {
			r.Mounts = append(r.Mounts, RecordMount(m))
		}
	})
	return nil
}

// needsShell says that something of the command is for a shell to run.
func (a *attempt) needsShell() bool { return len(a.Command) == 0 || a.Launch != "" }

// chooseShell makes the container anew where the image lacks the shell it was made with.
func (a *attempt) chooseShell(ctx context.Context) error {
	for _, s := range shells { // one by one: each look costs the engine as much as a mount
		has, err := a.container.Has(ctx, []string{s})
		if err != nil {
			return cause.Name(ctx, cause.Engine, "", err)
		}
		switch {
		case !has[s]:
			continue
		case s == a.shell:
			return nil
		}
		if err := a.container.Remove(ctx); err != nil {
			return cause.Name(ctx, cause.Engine, "", err)
		}
		a.shell = s
		a.container, err = a.Engine.Create(ctx, a.spec())
		return cause.Name(ctx, cause.Launch, "", err)
	}
	return cause.Fail(cause.Launch, "exec.sh needs one; add it to the image", "image %q has neither bash nor sh", a.Image)
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
