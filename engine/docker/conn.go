package docker

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/engine"
)

// conn is the way to an engine, which everything of it shares.
type conn struct {
	cli    *client.Client
	name   string
	host   string  // its address
	hint   string  // what to do where it does not answer
	tunnel *tunnel // nil but for ssh://
}

// explain puts an error of the client library into the terms of package engine: what was being done, and which of the
// engine's errors it is.
func (c *conn) explain(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case gone(err):
		return fmt.Errorf("%s engine at %q: %s: %w", c.name, c.host, doing, engine.Unreachable(c.hint, err))
	}
	return fmt.Errorf("%s engine: %s: %w", c.name, doing, err)
}

// gone says that the engine did not answer at all.
func gone(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) || errdefs.IsUnavailable(err)
}
