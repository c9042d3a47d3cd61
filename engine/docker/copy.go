package docker

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// CopyIn implements engine.Copier. Owners in the stream are kept.
func (c *Container) CopyIn(ctx context.Context, dir string, tar io.Reader) error {
	err := c.conn.cli.CopyToContainer(ctx, c.id, dir, tar, container.CopyToContainerOptions{CopyUIDGID: false})
	return c.conn.explain(fmt.Sprintf("copying into %q of the container", dir), err)
}

// CopyOut implements engine.Copier.
func (c *Container) CopyOut(ctx context.Context, path string) (io.ReadCloser, error) {
	doing := fmt.Sprintf("copying %q out of the container", path)
	r, _, err := c.conn.cli.CopyFromContainer(ctx, c.id, path)
	if err != nil {
		return nil, c.conn.explain(doing, err)
	}
	return &explained{r, c.conn, doing}, nil
}

// explained is a stream whose errors are those of package engine.
type explained struct {
	io.ReadCloser
	conn  *conn
	doing string
}

func (e *explained) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, e.conn.explain(e.doing, err)
}

// Lstat implements engine.Copier.
func (c *Container) Lstat(ctx context.Context, path string) (fs.FileMode, error) {
	st, err := c.conn.cli.ContainerStatPath(ctx, c.id, path)
	if errdefs.IsNotFound(err) {
		return 0, fmt.Errorf("%q in the container: %w", path, fs.ErrNotExist)
	}
	return st.Mode, c.conn.explain(fmt.Sprintf("looking at %q in the container", path), err)
}
