package podman

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
)

// kindName is what --engine calls Podman.
const kindName = "podman"

// Kind is the registry's entry of Podman.
var Kind = engine.Kind{Name: kindName, Usage: "a container beside ferry, by Podman's socket", Open: open, Found: found}

// hostVariable is podman's own: where its service listens.
const hostVariable = "CONTAINER_HOST"

// hint is for a Podman that does not answer.
const hint = "start its socket: systemctl --user start podman.socket (rootless), systemctl start podman.socket (root), or podman system service --time=0"

// rootful is where Podman's service listens that root runs.
const rootful = "/run/podman/podman.sock"

func open(h engine.Host) (engine.Engine, error) {
	address, _ := find(h, os.Getuid(), isSocket)
	e, err := docker.New(docker.Config{Host: address, SSH: docker.SSHFromHost(h), Name: kindName, Hint: hint, Podman: true})
	if err != nil {
		return nil, &cause.Error{Cause: cause.Usage, Hint: "is " + hostVariable + " right?", Err: err}
	}
	return e, nil
}

// found reports whether there is a Podman to speak to.
func found(h engine.Host) bool {
	_, ok := find(h, os.Getuid(), isSocket)
	return ok
}

// find is the address of Podman's service, and whether there is one: what CONTAINER_HOST says; the user's own socket, for a user who is not
// root; root's; and the place of Docker's, where Podman's is mounted in a container. A socket of the user's is at $XDG_RUNTIME_DIR.
func find(h engine.Host, uid int, there func(string) bool) (string, bool) {
	if address := h.Env(hostVariable); address != "" {
		return address, true
	}
	var places []string
	if uid != 0 {
		if dir := h.Env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
			places = append(places, filepath.Join(dir, "podman", "podman.sock"))
		}
		places = append(places, fmt.Sprintf("/run/user/%d/podman/podman.sock", uid))
	}
	places = append(places, rootful)
	for _, p := range places {
		if there(p) {
			return "unix://" + p, true
		}
	}
	// podman-docker, and whoever mounts Podman's socket where programs look for Docker's.
	for _, p := range []string{strings.TrimPrefix(h.Env("DOCKER_HOST"), "unix://"), "/var/run/docker.sock"} {
		if strings.HasPrefix(p, "/") && there(p) {
			return "unix://" + p, false
		}
	}
	return "unix://" + places[0], false
}

func isSocket(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&os.ModeSocket != 0
}
