package commit

import (
	"context"
	"errors"
	"fmt"

	"github.com/genepattern/ferry/engine"
)

// A Choice is a frozen image that a job can run from.
type Choice struct {
	Image engine.Image
	Dirs  []string // the directories that it holds
}

// Prefer finds the frozen image for a job: the image of that NAME, if it is of this module version and its base is ref. Where there
// is none, ok is false and why is the reason. That is no failure, because the job can run the ordinary way.
func (f *Freezer) Prefer(ctx context.Context, r Request, ref string) (c Choice, why string, ok bool) {
	c, err := f.prefer(ctx, r, ref)
	if err != nil {
		return Choice{}, err.Error(), false
	}
	return c, "", true
}

func (f *Freezer) prefer(ctx context.Context, r Request, ref string) (Choice, error) {
	if files, ok := engine.ImageFilesOf(f.Images); ok {
		return fileFreezer{f, files}.preferFile(ctx, r, ref)
	}
	digest, id, err := f.wanted(ctx, ref)
	if err != nil {
		return Choice{}, err
	}
	base := digest
	if base == "" {
		base = id
	}
	n, err := f.repository(ctx, r)
	if err != nil {
		return Choice{}, err
	}
	n.setTag(r.Module, base)
	img, err := f.fromRepository(ctx, n)
	if errors.Is(err, engine.ErrNoImage) {
		return Choice{}, fmt.Errorf("there is no %s yet", n.reference())
	}
	if err != nil {
		return Choice{}, err
	}
	return chosen(n.reference(), img, r.Module, digest, id)
}

// chosen is the frozen image of that name, where it is of this module version and of the base with that digest or id.
func chosen(name string, img engine.Image, m Module, digest, id string) (Choice, error) {
	l := img.Labels
	switch {
	case l[LabelBaseID] == "":
		return Choice{}, fmt.Errorf("%s is no frozen image", name)
	case l[LabelLSID] != m.LSID || m.LSID == "" && l[LabelModule] != m.Name:
		return Choice{}, fmt.Errorf("%s is of another module version: %q, LSID %q", name, l[LabelModule], l[LabelLSID])
	case !(digest != "" && l[LabelBaseDigest] == digest) && !(id != "" && l[LabelBaseID] == id):
		return Choice{}, fmt.Errorf("%s has another base: %s %s", name, l[LabelBase], l[LabelBaseDigest])
	}
	return Choice{Image: img, Dirs: frozenDirs(img)}, nil
}

// wanted identifies the image ref. An image that the engine has gives its digest and its ID. Of another the registry is asked for
// the digest, so that it need not be pulled.
func (f *Freezer) wanted(ctx context.Context, ref string) (digest, id string, err error) {
	img, err := f.Images.Find(ctx, ref)
	if err == nil {
		return digestOf(img), img.ID, nil
	}
	if !errors.Is(err, engine.ErrNoImage) {
		return "", "", err
	}
	digest, err = f.Images.Resolve(ctx, ref, f.Login)
	return digest, "", err
}
