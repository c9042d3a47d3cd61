package docker

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/engine"
)

var (
	_ engine.Engine     = (*Engine)(nil)
	_ engine.Locator    = (*Engine)(nil)
	_ engine.SelfFinder = (*Engine)(nil)
	_ engine.ImageMaker = (*Engine)(nil)
	_ engine.Inspector  = (*Engine)(nil)
	_ engine.Sweeper    = (*Engine)(nil)
)

// Engine is an engine that speaks the Docker Engine API. Safe for concurrent use.
type Engine struct {
	*conn
	images    *images
	mountinfo string // the file that says what is mounted for this process
	task      string // Config.Task
	program   func() (program, bool)
	networks  *networks
	podman    bool
	selinux   atomic.Int32 // what Info last said: see confines
	known     *known
}

// Config says where the engine is, in the terms of the docker command's environment.
type Config struct {
	Host     string // DOCKER_HOST; "" is the local socket
	CertPath string // DOCKER_CERT_PATH: a folder with ca.pem, cert.pem, key.pem; "" is no TLS
	SSH      SSH    // for an address that begins with ssh://
	Task     string // ECS_CONTAINER_METADATA_URI_V4: where ECS tells about ferry's own container; "" elsewhere

	Name string // what the engine is called in Info and in errors; "" is docker
	Hint string // what the reader can do where it does not answer; "" is what helps with Docker's

	Podman bool // it is Podman's service: see podman.go
}

// kindName is what --engine calls Docker's engine.
const kindName = "docker"

// defaultHint is for a Docker engine that does not answer.
const defaultHint = "mount the engine's socket, -v /var/run/docker.sock:/var/run/docker.sock; may this user open it?"

// New makes an Engine; it does not connect.
func New(c Config) (*Engine, error) {
	shared := &conn{name: cmp.Or(c.Name, kindName), host: cmp.Or(c.Host, client.DefaultDockerHost), hint: cmp.Or(c.Hint, defaultHint)}
	var err error
	if strings.HasPrefix(shared.host, "ssh://") {
		if shared.tunnel, err = newTunnel(shared.host, c.SSH); err != nil {
			return nil, fmt.Errorf("%s engine at %q: %w", shared.name, shared.host, err)
		}
	}
	if err := shared.open(c.CertPath, standard); err != nil {
		return nil, fmt.Errorf("%s engine at %q: %w", shared.name, shared.host, err)
	}
	return &Engine{conn: shared, images: &images{conn: shared, rest: standardRest, podman: c.Podman}, mountinfo: "/proc/self/mountinfo", task: c.Task, program: thisProgram, known: &known{}, networks: &networks{conn: shared, localNames: asksLinkLocal("/etc/resolv.conf"), podman: c.Podman}, podman: c.Podman}, nil
}

// Close gives up idle connections.
func (e *Engine) Close() error {
	err := e.streams.Close()
	if e.tunnel != nil {
		e.tunnel.close()
	}
	return err
}

// Local implements engine.Locator.
func (e *Engine) Local() bool { return strings.HasPrefix(e.host, "unix://") }

// Info implements engine.Engine. It is one request that costs the engine no more than asking its version does.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	in, err := e.cli.Info(ctx)
	if err == nil && in.ServerVersion == "" {
		err = errNonsense
	}
	if err != nil {
		return engine.Info{}, e.explain("asking what it can", err)
	}
	e.selinux.Store(selinuxOf(in.SecurityOptions))
	socket, _ := strings.CutPrefix(e.host, "unix://")
	if !e.Local() {
		socket = ""
	}
	return engine.Info{Name: e.name, Version: in.ServerVersion, Socket: socket, Platform: platform(in.OSType, in.Architecture), Enforces: engine.Enforces{
		// An engine that is no root's has these where its cgroups were delegated to it.
		Memory: in.MemoryLimit, CPUs: in.CPUCfsQuota, PIDs: in.PidsLimit,
		Network: true, ReadOnly: true, User: true,
		GPUs: true, // it makes no container with GPUs that nothing can give
	}}, nil
}
