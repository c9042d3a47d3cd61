package apptainer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// A local image is one of this node, as apptainer runs it.
type local struct {
	engine.Image
	at     string // the SIF file, or the directory
	rootfs rootfs
}

// note is what the cache knows of an image besides its SIF file.
type note struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest,omitempty"` // the manifest's in its registry
}

const (
	sifSuffix  = ".sif"
	noteSuffix = ".json"
)

// Image makes the image present: a registry's, or an archive's, as a SIF file in the cache. Where this user cannot mount such a file,
// or the site wants it so, it is unpacked to a directory.
func (e *Engine) Image(ctx context.Context, ref string, login engine.Login) (engine.Image, error) {
	l, err := e.present(ctx, ref, login)
	if err != nil {
		return engine.Image{}, err
	}
	return l.Image, nil
}

func (e *Engine) present(ctx context.Context, ref string, login engine.Login) (*local, error) {
	src, err := locate(ref)
	if err != nil {
		return nil, err
	}
	if src.form == formSandbox {
		return describeDir(src)
	}
	p, err := e.program(ctx)
	if err != nil {
		return nil, err
	}
	file, known := src.file, note{}
	if src.form != formSIF {
		if file, known, err = e.cached(ctx, p, src, login); err != nil {
			return nil, err
		}
	}
	return e.opened(ctx, p, src, file, known)
}

// opened describes a SIF file, and unpacks it if it must be.
func (e *Engine) opened(ctx context.Context, p *program, src source, file string, known note) (*local, error) {
	s, err := readSIF(file)
	switch {
	case errors.Is(err, errNotSIF):
		return nil, &cause.Error{Cause: cause.Usage, Hint: formsHint, Err: fmt.Errorf("image %q: %w", src.ref, err)}
	case err != nil:
		return nil, fmt.Errorf("image %q: %w: %w", src.ref, engine.ErrNoImage, err)
	}
	img := describe(src, s)
	if known.Digest != "" {
		img.Digest = src.name.Name() + "@" + known.Digest
	}
	l := &local{Image: img, at: file}
	if to := e.config.unpackedTo(p); to != "" {
		shelf := shelf{to}
		l.at, err = shelf.get(ctx, usable(strings.TrimSuffix(filepath.Base(file), sifSuffix))+"-"+strings.TrimPrefix(s.id, "sif:")[:16], func(ctx context.Context, at string) error {
			return unpackSIF(ctx, e.config.Path, file, at)
		})
		if err != nil {
			return nil, fmt.Errorf("unpacking image %q: %w", src.ref, err)
		}
		l.rootfs = sandbox{l.at}
	} else {
		l.rootfs = e.squashed(file, s)
	}
	return l, nil
}

// squashed gives what looks into a SIF file: the same for the same file, because it keeps what it has seen.
func (e *Engine) squashed(file string, s sif) *squashed {
	e.mu.Lock()
	defer e.mu.Unlock()
	if have, ok := e.looked[s.id]; ok && have.file == file {
		return have
	}
	q := &squashed{file: file, offset: s.system, path: e.config.Path}
	e.looked[s.id] = q
	return q
}

// unpackedTo is where images are to be unpacked; "" where a SIF file is run as it is.
func (c Config) unpackedTo(p *program) string {
	switch {
	case c.Unpacked != "":
		return c.Unpacked
	case c.mounts(p):
		return ""
	}
	return filepath.Join(c.Dir, "unpacked")
}

// mounts reports whether this user can run a SIF file without unpacking it: by the kernel as root, or by FUSE.
func (c Config) mounts(p *program) bool {
	if os.Geteuid() == 0 || p.suid {
		return true
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	for _, name := range []string{"squashfuse_ll", "squashfuse"} {
		if _, err := inPath(name, p.path+":"+filepath.Join(p.libexec, kindName, "bin")); err == nil {
			return true
		}
	}
	return false
}

// describe says what a SIF file's image is. Its volumes are none: with Apptainer such a path is a part of the image.
func describe(src source, s sif) engine.Image {
	img := engine.Image{Ref: src.ref, ID: s.id, Platform: s.platform, Size: s.size, Labels: s.labels,
		Workdir: s.config.WorkingDir, Entrypoint: s.config.Entrypoint, Cmd: s.config.Cmd, Env: s.config.Env}
	if len(s.config.Labels) > 0 {
		img.Labels = s.config.Labels
	}
	img.User = me()
	img.Owner = me()
	return img
}

// me is who every module runs as: ferry's own user.
func me() string { return fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid()) }

// sandbox describes a directory. It is known by its path and by when something in its top directory changed.
func describeDir(src source) (*local, error) {
	st, err := os.Stat(src.file)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w: %w", src.ref, engine.ErrNoImage, err)
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(src.file, st.ModTime().UnixNano())))
	img := engine.Image{Ref: src.ref, ID: "dir:" + hex.EncodeToString(sum[:16]), User: me(), Owner: me()}
	if data, err := bounded.File(filepath.Join(src.file, ".singularity.d", "labels.json"), bounded.Small); err == nil {
		_ = json.Unmarshal(data, &img.Labels)
	}
	return &local{Image: img, at: src.file, rootfs: sandbox{src.file}}, nil
}

// cached gives the SIF file of an image that is none itself, and makes it where it is missing.
func (e *Engine) cached(ctx context.Context, p *program, src source, login engine.Login) (string, note, error) {
	key, err := src.key()
	if err != nil {
		return "", note{}, fmt.Errorf("image %q: %w: %w", src.ref, engine.ErrNoImage, err)
	}
	shelf := shelf{e.config.Cache}
	file, err := shelf.get(ctx, key+sifSuffix, func(ctx context.Context, at string) error {
		return e.fill(ctx, p, src, login, shelf.path(key+noteSuffix), at)
	})
	if err != nil {
		return "", note{}, err
	}
	var known note
	if data, err := bounded.File(shelf.path(key+noteSuffix), bounded.Small); err == nil {
		_ = json.Unmarshal(data, &known)
	}
	return file, known, nil
}

// fill makes the SIF file at.
func (e *Engine) fill(ctx context.Context, p *program, src source, login engine.Login, noteFile, at string) error {
	n, env, from := note{Ref: src.ref}, e.config.buildEnv(filepath.Dir(at)), src.from
	args := []string{"--silent", "build", "--disable-cache"}
	if src.form == formRegistry {
		r, err := newRegistry(ctx, src.name, login)
		if err != nil {
			return err
		}
		if n.Digest, err = r.digest(ctx); err != nil {
			return err
		}
		from = "docker://" + src.name.Name() + "@" + n.Digest
		if r.user != "" {
			env = append(env, "APPTAINER_DOCKER_USERNAME="+r.user, "APPTAINER_DOCKER_PASSWORD="+r.password)
		}
		if plain(reference.Domain(src.name)) {
			args = append(args, "--no-https")
		}
	}
	if _, err := p.run(ctx, env, append(args, at, from)...); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &cause.Error{Cause: cause.Image, Hint: "is the image whole, and made for this node?", Err: fmt.Errorf("making a SIF file of image %q: %w", src.ref, err)}
	}
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	made := filepath.Join(filepath.Dir(at), "note")
	if err := os.WriteFile(made, data, 0o644); err != nil {
		return err
	}
	return os.Rename(made, noteFile)
}

// buildEnv is what apptainer gets to make images with. What it keeps itself is below dir, and goes with it.
func (c Config) buildEnv(dir string) []string {
	env := []string{"APPTAINER_CACHEDIR=" + filepath.Join(dir, "cache")}
	temp := c.Temp
	if temp == "" {
		temp = filepath.Join(c.Dir, "building")
		if os.MkdirAll(temp, 0o700) != nil {
			return append(env, c.Proxy...)
		}
	}
	return append(append(env, "APPTAINER_TMPDIR="+temp, "TMPDIR="+temp), c.Proxy...)
}
