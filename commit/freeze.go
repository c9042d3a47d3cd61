package commit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/subpath"
)

// Freeze makes the image and pushes it. Where an image of that name exists in the registry, it makes none. Beside an error, the
// result says how far it came. A failure leaves neither container nor image behind.
func (f *Freezer) Freeze(ctx context.Context, r Request) (Frozen, error) {
	out := Frozen{Name: r.Name, Outcome: OutcomeFailed}
	err := f.freeze(ctx, r, &out)
	if err != nil {
		out.Error = err.Error()
	}
	return out, err
}

// freeze is Freeze:
//
//  1. the repository
//  2. the base image; where the module ran from a frozen image of that repository, it is that image's base
//  3. the name, and whether it is taken
//  4. a container of the base with the directories copied in, committed
//  5. push
func (f *Freezer) freeze(ctx context.Context, r Request, out *Frozen) error {
	if files, ok := engine.ImageFilesOf(f.Images); ok {
		return fileFreezer{f, files}.freezeFile(ctx, r, out)
	}
	n, err := f.repository(ctx, r)
	if err != nil {
		return err
	}
	base, err := f.pristine(ctx, r, n)
	if err != nil {
		return err
	}
	out.Base, out.BaseDigest = base.Ref, digestOf(base)
	n.setTag(r.Module, identity(base))
	out.Reference = n.reference()
	if !r.Local {
		if done, err := f.taken(ctx, n, out); done || err != nil {
			return err
		}
	}
	start := time.Now()
	if out.ID, err = f.commit(ctx, out.Reference, base, r); err != nil {
		return err
	}
	out.CommitSeconds = seconds(start)
	if img, err := f.Images.Find(ctx, out.Reference); err == nil {
		out.Size = img.Size
	}
	if r.Local {
		out.Outcome = OutcomeCommitted
		return nil
	}
	return f.push(ctx, n, out)
}

// identity tells a base image from others: by its digest, or where it came from no registry, by its ID.
func identity(base engine.Image) string {
	if d := digestOf(base); d != "" {
		return d
	}
	return base.ID
}

// pristine is the image to add a layer to: the request's own, or where that is a frozen image of the repository n, its base. So an image
// that is frozen again and again does not grow. An image from elsewhere is its own base, whatever its labels say.
func (f *Freezer) pristine(ctx context.Context, r Request, n name) (engine.Image, error) {
	img := r.Image
	id := img.Labels[LabelBaseID]
	if id == "" {
		return img, nil
	}
	if r.Local || !f.genuine(ctx, img, n) {
		f.log("%s has the labels of a frozen image and is none of %s/%s: they do not count", img.Ref, n.host, n.repo)
		return img, nil
	}
	ref, digest := img.Labels[LabelBase], img.Labels[LabelBaseDigest]
	base, err := f.Images.Find(ctx, id)
	if errors.Is(err, engine.ErrNoImage) && digest != "" {
		named, e := reference.ParseNormalizedNamed(ref)
		if e != nil {
			return base, fmt.Errorf("base image %q of %q: %w", ref, img.Ref, e)
		}
		base, err = f.Engine.Image(ctx, named.Name()+"@"+digest, f.Login)
	}
	if err != nil {
		return base, fmt.Errorf("base image %q of the frozen image %q: %w", ref, img.Ref, err)
	}
	base.Ref = ref
	if digest != "" {
		base.Digest = "@" + digest // as it was asked for then; found by ID it may have other names too
	}
	return base, nil
}

// repository is what the request's name becomes. It has a tag where the name has one.
func (f *Freezer) repository(ctx context.Context, r Request) (name, error) {
	n, err := parseName(r.Name, r.Module)
	if err != nil || n.host != "" {
		return n, err
	}
	if r.Local {
		n.host = "docker.io" // which the engine leaves out: a local name
		return n, nil
	}
	if f.Home == nil {
		return n, fmt.Errorf("image name %q names no registry, and there is no ECR", r.Name)
	}
	if n.host, err = f.Home.Home(ctx); err != nil {
		return n, fmt.Errorf("finding the account's own registry for %q: %w", r.Name, err)
	}
	return n, nil
}

// taken makes the repository where that is missing, and reports whether an image has the name already.
func (f *Freezer) taken(ctx context.Context, n name, out *Frozen) (bool, error) {
	if f.Home != nil && f.Home.Owns(n.host) {
		made, err := f.Home.Ensure(ctx, n.host, n.repo)
		if err != nil {
			return false, err
		}
		if made {
			f.log("made repository %s/%s", n.host, n.repo)
		}
	}
	digest, err := f.Images.Resolve(ctx, n.reference(), f.Login)
	switch {
	case errors.Is(err, engine.ErrNoImage):
		return false, nil
	case err != nil:
		return false, err
	}
	out.Outcome, out.Digest = OutcomeExists, digest
	f.log("%s exists and is left alone", n.reference())
	return true, nil
}

// draftPrefix begins the names of drafts.
const draftPrefix = "ferry-freeze-"

// commit makes the image ref and returns its ID.
func (f *Freezer) commit(ctx context.Context, ref string, base engine.Image, r Request) (string, error) {
	labels := f.labels(r, base)
	if r.adopt != nil {
		return r.adopt(ctx, ref, base, labels)
	}
	builder := f.Images.Builder(ctx)
	tidied := make(chan struct{})
	go func() { f.removeLeftovers(ctx); close(tidied) }()
	defer func() { <-tidied }()
	d, err := f.Images.Draft(ctx, draftPrefix+strings.ToLower(rand.Text()[:12]), base, labels)
	if err != nil {
		return "", err
	}
	remove := sync.OnceFunc(func() {
		if err := d.Remove(context.WithoutCancel(ctx)); err != nil {
			f.log("removing the container that was committed: %v", err)
		}
	})
	defer remove()
	for _, dir := range r.Dirs {
		for _, v := range d.Volumes() {
			if subpath.Within(v, dir.Path) {
				return "", fmt.Errorf("%q %w %q of image %q: no image can hold its files", dir.Path, engine.ErrVolume, v, base.Ref)
			}
		}
	}
	if builder != nil && !r.stream {
		layer, err := copytree.Layer(ctx, d, r.Dirs)
		if err == nil {
			// The draft was only read. It is removed while the image is made.
			go remove()
			return builder.Build(ctx, ref, base, labels, layer)
		}
		if !errors.Is(err, copytree.ErrLink) {
			return "", err
		}
	}
	if err := copytree.In(ctx, d, r.Dirs, true); err != nil {
		return "", err
	}
	return d.Commit(ctx, ref, labels)
}

// push sends the image. An image that could not be sent is removed, because nobody would look for it here.
func (f *Freezer) push(ctx context.Context, n name, out *Frozen) error {
	start := time.Now()
	p, err := f.Images.Push(ctx, out.Reference, f.Login, f.Progress)
	out.PushSeconds, out.Tries, out.Sent = seconds(start), p.Tries, p.Bytes
	if err == nil {
		out.Outcome, out.Digest = OutcomePushed, p.Digest
		return nil
	}
	after := context.WithoutCancel(ctx)
	if e := f.Images.RemoveImage(after, out.Reference); e != nil && !errors.Is(e, engine.ErrNoImage) {
		f.log("removing the image that was not pushed: %v", e)
	}
	// Another job may have pushed the same name meanwhile, which a registry with immutable tags refuses.
	if digest, e := f.Images.Resolve(ctx, n.reference(), f.Login); e == nil {
		f.log("%s was pushed by somebody else meanwhile and is left alone", out.Reference)
		out.Outcome, out.Digest = OutcomeExists, digest
		return nil
	}
	return err
}

// leftoverAge is how old a draft must be to count as left by a killed ferry. It is longer than any copy takes.
const leftoverAge = 6 * time.Hour

// removeLeftovers removes drafts that killed ferries left. A failure is left to the next freeze.
func (f *Freezer) removeLeftovers(ctx context.Context) {
	found, err := f.Engine.List(ctx, map[string]string{LabelVersion: ""})
	if err != nil {
		return
	}
	for _, c := range found {
		if !strings.HasPrefix(strings.TrimPrefix(c.Name, "/"), draftPrefix) || c.Running || time.Since(c.Created) < leftoverAge {
			continue
		}
		if h, err := f.Engine.Attach(ctx, c.ID); err == nil {
			_ = h.Remove(ctx)
		}
	}
}
