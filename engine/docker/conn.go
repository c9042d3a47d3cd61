package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/engine"
)

// conn is the way to an engine, which everything of it shares.
type conn struct {
	cli     *client.Client // for all requests but attach's; each is bounded by a patience
	streams *client.Client // for attach, which leaves HTTP
	limits  patience
	name    string
	host    string  // its address
	hint    string  // what to do where it does not answer
	tunnel  *tunnel // nil but for ssh://
}

// open makes the clients. It does not connect. A certPath of "" is no TLS.
func (c *conn) open(certPath string, limits patience) error {
	where := []client.Opt{client.WithHost(c.host)}
	scheme := "http"
	if certPath != "" {
		in := func(name string) string { return filepath.Join(certPath, name) }
		where = append([]client.Opt{client.WithTLSClientConfig(in("ca.pem"), in("cert.pem"), in("key.pem"))}, where...)
		scheme = "https"
	}
	if c.tunnel != nil {
		where = []client.Opt{client.WithHost("tcp://engine:0"), client.WithDialContext(c.tunnel.dial)}
	}
	var err error
	if c.streams, err = client.NewClientWithOpts(append(where, client.WithAPIVersionNegotiation())...); err != nil {
		return err
	}
	c.limits = limits
	bounded := &http.Client{Transport: &patient{c.streams.HTTPClient().Transport, limits}, CheckRedirect: client.CheckRedirect}
	c.cli, err = client.NewClientWithOpts(append(where, client.WithHTTPClient(bounded), client.WithScheme(scheme), client.WithAPIVersionNegotiation())...)
	return err
}

// attach opens the streams of a container's output.
func (c *conn) attach(ctx context.Context, id string) (types.HijackedResponse, error) {
	// Both clients speak the same version: the engine is not asked for it again.
	c.streams.NegotiateAPIVersionPing(types.Ping{APIVersion: c.cli.ClientVersion()})
	type answer struct {
		stream types.HijackedResponse
		err    error
	}
	came := make(chan answer, 1)
	go func() {
		s, err := c.streams.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
		came <- answer{s, err}
	}()
	select {
	case a := <-came:
		return a.stream, a.err
	case <-time.After(c.limits.control):
		go func() { // nobody waits for it any more
			if a := <-came; a.err == nil {
				a.stream.Close()
			}
		}()
		return types.HijackedResponse{}, fmt.Errorf("%w (for %v)", errSilent, c.limits.control)
	}
}

// container describes a container. An engine that answers nonsense counts as one that does not answer.
func (c *conn) container(ctx context.Context, id string) (container.InspectResponse, error) {
	in, err := c.cli.ContainerInspect(ctx, id)
	if err == nil && (in.ContainerJSONBase == nil || in.ID == "" || in.State == nil) {
		err = errNonsense
	}
	return in, err
}

// errNonsense is the error of an answer that is not what was asked for.
var errNonsense = errors.New("its answer makes no sense")

// explain puts an error of the client library into the terms of package engine: what was being done, and which of the
// engine's errors it is.
func (c *conn) explain(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case gone(err):
		return fmt.Errorf("%s engine at %q: %s: %w", c.name, c.host, doing, engine.Unreachable(c.hint, err))
	case full(err):
		return fmt.Errorf("%s engine: %s: %w: %w", c.name, doing, engine.ErrDisk, err)
	}
	return fmt.Errorf("%s engine: %s: %w", c.name, doing, err)
}

// launching is explain for what keeps a container from starting.
func (c *conn) launching(doing string, err error) error {
	err = c.explain(doing, err)
	if err == nil || gone(err) || errors.Is(err, engine.ErrDisk) {
		return err
	}
	return fmt.Errorf("%w: %w", engine.ErrLaunch, err)
}

// full says that the engine's own disk is. The engine forwards the system's error as a text that ends in the system's words for it.
func full(err error) bool {
	return strings.HasSuffix(strings.TrimSpace(err.Error()), syscall.ENOSPC.Error())
}

// gone says that the engine did not answer at all.
func gone(err error) bool {
	var op *net.OpError
	return errors.Is(err, errSilent) || errors.Is(err, errNonsense) || client.IsErrConnectionFailed(err) || errors.As(err, &op) || errdefs.IsUnavailable(err)
}
