package docker

import (
	"cmp"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// Kind is the registry's entry of Docker's engine.
var Kind = engine.Kind{Name: kindName, Usage: "a container beside ferry", Together: true, Open: open, Found: found}

// found reports whether a Docker engine is named, or listens at its usual place for this user.
func found(h engine.Host) bool {
	if h.Env("DOCKER_HOST") != "" {
		return true
	}
	c, err := net.DialTimeout("unix", strings.TrimPrefix(client.DefaultDockerHost, "unix://"), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func open(h engine.Host) (engine.Engine, error) {
	e, err := New(FromHost(h))
	if err != nil {
		return nil, &cause.Error{Cause: cause.Usage, Hint: "is DOCKER_HOST right?", Err: err}
	}
	return e, nil
}

// FromHost reads the variables that the docker command reads: DOCKER_HOST, DOCKER_TLS_VERIFY with DOCKER_CERT_PATH, what
// SSHFromHost reads, and ECS_CONTAINER_METADATA_URI_V4.
func FromHost(h engine.Host) Config {
	c := Config{Host: h.Env("DOCKER_HOST"), SSH: SSHFromHost(h), Task: h.Env(taskVariable)}
	if h.Env("DOCKER_TLS_VERIFY") != "" {
		c.CertPath = h.Env("DOCKER_CERT_PATH")
	}
	return c
}

// SSHFromHost says how to log in to an engine at ssh://, as ssh itself does without a configuration file. It reads USER,
// HOME and SSH_AUTH_SOCK.
func SSHFromHost(h engine.Host) SSH {
	s := SSH{User: cmp.Or(h.Env("USER"), "root"), Agent: h.Env("SSH_AUTH_SOCK"), KnownHosts: []string{"/etc/ssh/ssh_known_hosts"}}
	home := h.Env("HOME")
	if home == "" {
		return s
	}
	dir := filepath.Join(home, ".ssh")
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		s.Keys = append(s.Keys, filepath.Join(dir, name))
	}
	s.KnownHosts = append(s.KnownHosts, filepath.Join(dir, "known_hosts"))
	return s
}
