package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/docker/api/types/image"

	"github.com/genepattern/ferry/engine"
)

var _ engine.Prober = (*Engine)(nil)

// proberPath is where a prober's container has this program.
const proberPath = "/ferry"

// nobody is who a prober runs as.
const nobody = "65534:65534"

// Probe implements engine.Prober. The image is empty, so that it needs no registry, and this program is copied into the container, so
// that the engine may be elsewhere.
func (e *Engine) Probe(ctx context.Context, network string, args ...string) (string, error) {
	name := probeName()
	img, err := e.emptyImage(ctx, "ferry-probe/"+name)
	if err != nil {
		return "", err
	}
	after := context.WithoutCancel(ctx)
	defer func() { _ = e.images.RemoveImage(after, img.Ref) }()
	made, err := e.Create(ctx, engine.Spec{Name: name, Image: img, Command: append([]string{proberPath}, args...), User: nobody, Workdir: "/",
		Network: network, Labels: map[string]string{probeLabel: name}})
	if err != nil {
		return "", err
	}
	defer func() { _ = made.Remove(after) }()
	c := made.(*Container)
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(archiveOfThis(w)) }()
	err = c.CopyIn(ctx, "/", r)
	_ = r.Close()
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	if err := c.Start(ctx, &stdout, &stderr); err != nil {
		return "", err
	}
	exit, err := c.Wait(ctx)
	if err == nil && exit.Code != 0 {
		err = fmt.Errorf("%w: %d, %s", engine.ErrProbe, exit.Code, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), err
}

// emptyImage makes an image without files.
func (e *Engine) emptyImage(ctx context.Context, ref string) (engine.Image, error) {
	var empty bytes.Buffer
	if err := tar.NewWriter(&empty).Close(); err != nil {
		return engine.Image{}, err
	}
	answer, err := e.cli.ImageImport(ctx, image.ImportSource{SourceName: "-", Source: &empty}, ref, image.ImportOptions{})
	if err == nil {
		err = errors.Join(drain(answer, nil), answer.Close())
	}
	if err != nil {
		return engine.Image{}, e.explain("making an empty image", err)
	}
	return e.images.Find(ctx, ref)
}

// archiveOfThis writes this program as a tar.
func archiveOfThis(w io.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	f, err := os.Open(exe)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(proberPath, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: st.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(t, f); err != nil {
		return err
	}
	return t.Close()
}
