// Package docker runs modules through the Docker Engine API. It is the only package that imports Docker's client
// library, so that moving to its successor is a change here alone.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/engine"
)

var _ engine.Engine = (*Engine)(nil)

// Engine is a Docker engine. Safe for concurrent use.
type Engine struct {
	cli    *client.Client
	host   string
	tunnel *tunnel // nil but for ssh://
}

// Config says where the engine is, in the terms of the docker command's environment.
type Config struct {
	Host     string // DOCKER_HOST; "" is the local socket
	CertPath string // DOCKER_CERT_PATH: a folder with ca.pem, cert.pem, key.pem; "" is no TLS
	SSH      SSH    // for an address that begins with ssh://
}

// New makes an Engine; it does not connect.
func New(c Config) (*Engine, error) {
	if c.Host == "" {
		c.Host = client.DefaultDockerHost
	}
	opts := []client.Opt{client.WithAPIVersionNegotiation()}
	if c.CertPath != "" {
		in := func(name string) string { return filepath.Join(c.CertPath, name) }
		opts = append(opts, client.WithTLSClientConfig(in("ca.pem"), in("cert.pem"), in("key.pem")))
	}
	e := &Engine{host: c.Host}
	var err error
	if strings.HasPrefix(c.Host, "ssh://") {
		if e.tunnel, err = newTunnel(c.Host, c.SSH); err != nil {
			return nil, fmt.Errorf("docker engine at %q: %w", c.Host, err)
		}
		opts = append(opts, client.WithHost("tcp://engine:0"), client.WithDialContext(e.tunnel.dial))
	} else {
		opts = append(opts, client.WithHost(c.Host))
	}
	if e.cli, err = client.NewClientWithOpts(opts...); err != nil {
		return nil, fmt.Errorf("docker engine at %q: %w", c.Host, err)
	}
	return e, nil
}

// Close gives up idle connections.
func (e *Engine) Close() error {
	err := e.cli.Close()
	if e.tunnel != nil {
		e.tunnel.close()
	}
	return err
}

// Local says that the engine is this machine's, so that it can mount this machine's directories.
func (e *Engine) Local() bool { return strings.HasPrefix(e.host, "unix://") }

// Info implements engine.Engine.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	v, err := e.cli.ServerVersion(ctx)
	if err != nil {
		return engine.Info{}, e.explain("asking its version", err)
	}
	return engine.Info{Name: "docker", Version: v.Version}, nil
}

// explain puts an error of the client library into the terms of package engine: what was being done, and which of the
// engine's errors it is.
func (e *Engine) explain(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case gone(err):
		return fmt.Errorf("docker engine at %q: %s: %w", e.host, doing, errors.Join(engine.ErrUnavailable, err))
	}
	return fmt.Errorf("docker engine: %s: %w", doing, err)
}

// gone says that the engine did not answer at all.
func gone(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) || errdefs.IsUnavailable(err)
}
