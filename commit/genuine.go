package commit

import (
	"context"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/engine"
)

// genuine says that an image is one that ferry froze under n's name: it comes from that repository, and the registry has it there under the
// digest that the engine knows it by. Only then do its labels count. Whoever makes an image can write any labels into it, and only those who
// may push to the repository can put it there.
func (f *Freezer) genuine(ctx context.Context, img engine.Image, n name) bool {
	digest := digestOf(img)
	named, err := reference.ParseNormalizedNamed(img.Digest)
	if err != nil || digest == "" || reference.Domain(named) != n.host || reference.Path(named) != n.repo {
		return false
	}
	got, err := f.Images.Resolve(ctx, named.String(), f.Login)
	return err == nil && got == digest
}

// fromRepository makes the image n present, by the digest that the registry has for it now. An image that the engine happens to have under
// that name does not count. engine.ErrNoImage.
func (f *Freezer) fromRepository(ctx context.Context, n name) (engine.Image, error) {
	digest, err := f.Images.Resolve(ctx, n.reference(), f.Login)
	if err != nil {
		return engine.Image{}, err
	}
	img, err := f.Engine.Image(ctx, n.host+"/"+n.repo+"@"+digest, f.Login)
	if err != nil {
		return engine.Image{}, err
	}
	img.Ref = n.reference()
	return img, nil
}
