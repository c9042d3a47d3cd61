package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
)

// CopyIn implements engine.Copier. Owners in the stream are kept.
func (c *Container) CopyIn(ctx context.Context, dir string, tar io.Reader) error {
	err := c.eng.cli.CopyToContainer(ctx, c.id, dir, tar, container.CopyToContainerOptions{CopyUIDGID: false})
	return c.eng.explain(fmt.Sprintf("copying into %q of the container", dir), err)
}

// CopyOut implements engine.Copier.
func (c *Container) CopyOut(ctx context.Context, path string) (io.ReadCloser, error) {
	r, _, err := c.eng.cli.CopyFromContainer(ctx, c.id, path)
	return r, c.eng.explain(fmt.Sprintf("copying %q out of the container", path), err)
}
