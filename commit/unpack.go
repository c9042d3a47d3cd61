package commit

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/tartree"
)

// Unpacked is a directory of an image, and the directory of this node that it is copied to.
type Unpacked struct {
	Path string
	Root *os.Root
}

// Unpack copies directories of an image to this node, through a container that never runs and is removed.
func (f *Freezer) Unpack(ctx context.Context, image engine.Image, dirs []Unpacked) error {
	d, err := f.Images.Draft(ctx, draftPrefix+strings.ToLower(rand.Text()[:12]), image, map[string]string{LabelVersion: f.Version})
	if err != nil {
		return err
	}
	defer func() {
		if err := d.Remove(context.WithoutCancel(ctx)); err != nil {
			f.log("removing the container that was unpacked: %v", err)
		}
	}()
	for _, u := range dirs {
		x := tartree.Extractor{Root: u.Root, Owners: os.Geteuid() == 0, Warn: f.log}
		if err := copytree.Out(ctx, d, u.Path, x); err != nil {
			return fmt.Errorf("unpacking %q of image %q: %w", u.Path, image.Ref, err)
		}
	}
	return nil
}
