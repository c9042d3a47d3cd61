package commit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/genepattern/ferry/engine"
)

// Where images are files, such as Apptainer's, NAME is the file's path. Any other NAME is a place in the engine's own directory of
// images, made of the module and the base as a repository and its tag are. Nothing is pushed: who can read the file has the image.

// A fileFreezer freezes and finds images that are files.
type fileFreezer struct {
	of    *Freezer
	files engine.ImageFiles
}

// fileOf is the file that a request's name stands for.
func fileOf(files engine.ImageFiles, r Request, base engine.Image) (string, error) {
	if file, ok := files.File(r.Name); ok {
		return filepath.Abs(file)
	}
	n, err := parseName(r.Name, r.Module)
	if err != nil {
		return "", err
	}
	if n.host != "" {
		return "", fmt.Errorf("image name %q names a registry, and this engine's images are files: give a path, a name without a registry, or %s", r.Name, Auto)
	}
	n.setTag(r.Module, identity(base))
	return files.Place(n.repo, n.tag), nil
}

// freezeFile is freeze where images are files.
func (f fileFreezer) freezeFile(ctx context.Context, r Request, out *Frozen) error {
	base := f.pristineFile(ctx, r)
	out.Base, out.BaseDigest = base.Ref, digestOf(base)
	file, err := fileOf(f.files, r, base)
	if err != nil {
		return err
	}
	out.Reference = file
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			out.Outcome = OutcomeExists
			f.of.log("%s exists and is left alone", file)
		}
		return err
	}
	start := time.Now()
	if out.ID, err = f.of.commit(ctx, file, base, r); err != nil {
		return err
	}
	out.CommitSeconds = seconds(start)
	if st, err := os.Stat(file); err == nil {
		out.Size = st.Size()
	}
	out.Outcome = OutcomeCommitted
	return nil
}

// pristineFile is the image to add to: the request's own, or where that is the very file that the name stands for, its base. The base counts
// only where it is there as it was then.
func (f fileFreezer) pristineFile(ctx context.Context, r Request) engine.Image {
	id, ref := r.Image.Labels[LabelBaseID], r.Image.Labels[LabelBase]
	if id == "" || r.adopt != nil {
		return r.Image
	}
	base, err := f.of.Images.Find(ctx, ref)
	if err != nil || base.ID != id {
		return r.Image
	}
	if file, err := fileOf(f.files, r, base); err != nil || file != r.Image.Ref {
		return r.Image
	}
	return base
}

// preferFile is prefer where images are files.
func (f fileFreezer) preferFile(ctx context.Context, r Request, ref string) (Choice, error) {
	base, err := f.of.Engine.Image(ctx, ref, f.of.Login)
	if err != nil {
		return Choice{}, err
	}
	file, err := fileOf(f.files, r, base)
	if err != nil {
		return Choice{}, err
	}
	img, err := f.of.Images.Find(ctx, file)
	if errors.Is(err, engine.ErrNoImage) {
		return Choice{}, fmt.Errorf("there is no %s yet", file)
	}
	if err != nil {
		return Choice{}, err
	}
	return chosen(file, img, r.Module, digestOf(base), base.ID)
}
