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
	r, _, err := c.conn.cli.CopyFromContainer(ctx, c.id, path)
	return r, c.conn.explain(fmt.Sprintf("copying %q out of the container", path), err)
}

// Lstat implements engine.Copier.
func (c *Container) Lstat(ctx context.Context, path string) (fs.FileMode, error) {
	st, err := c.conn.cli.ContainerStatPath(ctx, c.id, path)
	if errdefs.IsNotFound(err) {
		return 0, fmt.Errorf("%q in the container: %w", path, fs.ErrNotExist)
	}
	return st.Mode, c.conn.explain(fmt.Sprintf("looking at %q in the container", path), err)
}
