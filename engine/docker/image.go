package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"

	"github.com/genepattern/ferry/engine"
)

// pullTries and pullPause bound what a registry's hiccup may cost: pauses of about 1, 2 and 4 seconds. A registry that is busy is
// waited for otherwise, see rest.
const (
	pullTries = 4
	pullPause = time.Second
)

// images are what the engine has of images: engine.Images, and what an engine.Engine does with one.
type images struct {
	conn *conn
	rest rest

	podman bool
}

var _ engine.Images = (*images)(nil)

// Images implements engine.ImageMaker.
func (e *Engine) Images() engine.Images { return e.images }

// Image implements engine.Engine.
func (e *Engine) Image(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	return e.images.fetch(ctx, ref, login)
}

// fetch makes an image present. The registry is not asked where the image is there: a plain pull would, and Docker Hub
// counts that against its limit.
func (i *images) fetch(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	img, err := i.inspect(ctx, ref)
	if err == nil || !errors.Is(err, engine.ErrNoImage) {
		return img, err
	}
	busyness := wait{rest: i.rest}
	for try := 1; ; {
		err = i.pull(ctx, ref, login)
		if err == nil {
			return i.inspect(ctx, ref)
		}
		if ctx.Err() != nil || isFinal(err) {
			return engine.Image{}, err
		}
		pause := pullPause << (try - 1)
		pause = pause/2 + rand.N(pause)
		if asked := ask(ctx, ref); isBusy(err, asked) {
			var ok bool
			if pause, ok = busyness.next(asked); !ok {
				return engine.Image{}, busy("pulling", ref, busyness.waited, err)
			}
		} else if try++; try > pullTries {
			return engine.Image{}, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return engine.Image{}, ctx.Err()
		}
	}
}

// isFinal says that another try at a pull changes nothing.
func isFinal(err error) bool {
	for _, final := range []error{engine.ErrNoImage, engine.ErrDenied, engine.ErrUnavailable, engine.ErrDisk, engine.ErrPlatform} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// Find describes an image by reference or ID if it is here, asking no registry. engine.ErrNoImage.
func (i *images) Find(ctx context.Context, ref string) (engine.Image, error) {
	return i.inspect(ctx, ref)
}

// RemoveImage takes the reference off its image, and removes the image where that was its last. engine.ErrNoImage.
func (i *images) RemoveImage(ctx context.Context, ref string) error {
	_, err := i.conn.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
	}
	return i.conn.explain(fmt.Sprintf("removing image %q", ref), err)
}

func (i *images) inspect(ctx context.Context, ref string) (engine.Image, error) {
	in, err := i.conn.cli.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return engine.Image{}, fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
	}
	if err == nil && in.ID == "" {
		err = errNonsense
	}
	if err != nil {
		return engine.Image{}, i.conn.explain(fmt.Sprintf("inspecting image %q", ref), err)
	}
	img := engine.Image{Ref: ref, ID: in.ID, Size: in.Size, Digest: ownDigest(ref, in.RepoDigests)}
	if c := in.Config; c != nil {
		img.User, img.Workdir, img.Env, img.Labels = c.User, c.WorkingDir, c.Env, c.Labels
		img.Entrypoint, img.Cmd = c.Entrypoint, c.Cmd
		img.Volumes = slices.Sorted(maps.Keys(c.Volumes))
	}
	if in.Os != "" && in.Architecture != "" {
		img.Platform = in.Os + "/" + in.Architecture
	}
	img.Owner, err = i.owner(ctx, img)
	return img, err
}

// named gives an image found by its ID the name it was asked for by, or else one that it has.
func (i *images) named(ctx context.Context, img engine.Image, asked string) engine.Image {
	in, err := i.conn.cli.ImageInspect(ctx, img.ID)
	if err != nil {
		return img
	}
	if n, err := reference.ParseNormalizedNamed(asked); err != nil || asked == img.ID || n == nil {
		if len(in.RepoTags) == 0 {
			return img
		}
		asked = in.RepoTags[0]
	}
	img.Ref, img.Digest = asked, ownDigest(asked, in.RepoDigests)
	return img
}

// ownDigest picks the digest that belongs to the repository asked for: an image may have come from several.
func ownDigest(ref string, digests []string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	for _, d := range digests {
		if n, err := reference.ParseNormalizedNamed(d); err == nil && n.Name() == named.Name() {
			return d
		}
	}
	return ""
}

func (i *images) pull(ctx context.Context, ref string, login engine.Login) error {
	auth, err := i.auth(ctx, ref, login)
	if err != nil {
		return fmt.Errorf("logging in to pull %q: %w: %w", ref, engine.ErrDenied, err)
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return fmt.Errorf("image %q: %w", ref, err)
	}
	if i.podman {
		err = i.pullByPodman(ctx, reference.TagNameOnly(named), auth)
	} else {
		var out io.ReadCloser
		if out, err = i.conn.cli.ImagePull(ctx, reference.TagNameOnly(named).String(), image.PullOptions{RegistryAuth: auth}); err == nil {
			defer out.Close()
			err = drain(out, nil)
		}
	}
	switch {
	case err == nil:
		return nil
	case i.podman && !gone(err) && !full(err) && ctx.Err() == nil && i.answered(ctx, ref, err) != nil:
		return fmt.Errorf("pulling %q: %w", ref, i.answered(ctx, ref, err))
	case isBusy(err, nil): // it is not asked again for now
	case !gone(err) && !full(err) && ctx.Err() == nil && i.foreign(ctx, reference.TagNameOnly(named).String(), auth):
		return fmt.Errorf("pulling %q: %w: %w", ref, engine.ErrPlatform, err)
	case errdefs.IsNotFound(err):
		return fmt.Errorf("pulling %q: %w: %w", ref, engine.ErrNoImage, err)
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err),
		!gone(err) && ctx.Err() == nil && i.refused(ctx, reference.TagNameOnly(named).String(), auth):
		return fmt.Errorf("pulling %q: %w: %w", ref, engine.ErrDenied, err)
	}
	return i.conn.explain(fmt.Sprintf("pulling %q", ref), err)
}

// drain reads a stream of the engine's progress messages to its end and returns the error in it, if any: the HTTP status
// was sent before the work began.
func drain(r io.Reader, each func(jsonmessage.JSONMessage)) error {
	dec := json.NewDecoder(r)
	for {
		var m jsonmessage.JSONMessage
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case m.Error != nil:
			return m.Error
		}
		if each != nil {
			each(m)
		}
	}
}

// auth is the login for ref's registry as the Engine API wants it, "" for none.
func (i *images) auth(ctx context.Context, ref string, login engine.Login) (string, error) {
	if login == nil {
		return "", nil
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", err
	}
	host := reference.Domain(named)
	user, password, err := login(ctx, host)
	if err != nil || user == "" {
		return "", err
	}
	if user == tokenUser {
		return registry.EncodeAuthConfig(registry.AuthConfig{IdentityToken: password, ServerAddress: host})
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{Username: user, Password: password, ServerAddress: host})
}

// tokenUser is the user by which Docker's tools say that a password is an identity token.
const tokenUser = "<token>"
