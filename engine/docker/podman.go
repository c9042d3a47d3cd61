package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/versions"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// This file has what Podman's service does otherwise than Docker's engine, though it speaks the same API.

// pasta is the version of Podman that has pasta in the place of slirp4netns, which later ones may lack.
// https://blog.podman.io/2024/03/podman-5-0-breaking-changes-in-detail/
const pasta = "5.0.0"

// podmansOwn is Podman's mode of network for engine.OwnNetwork. Its bridges have no option that keeps their containers apart. A network of a
// process in user space for each container reaches the world and no other container.
func (n *networks) podmansOwn(ctx context.Context) (string, error) {
	v, err := n.conn.cli.ServerVersion(ctx)
	switch {
	case err != nil:
		return "", n.conn.explain("asking its version", err)
	case versions.LessThan(v.Version, pasta):
		return "slirp4netns", nil
	}
	return "pasta", nil
}

// sources refuses a mount whose source is not there: Podman would make a directory of root's in its place. Docker's engine refuses it itself. In a
// container ferry does not see the engine's directories.
func sources(e *Engine, mounts []engine.Mount) error {
	if !e.podman || !e.Local() || contained(e.mountinfo) {
		return nil
	}
	for _, m := range mounts {
		if _, err := os.Stat(m.Source); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: mounting %s: there is no such file or directory", engine.ErrLaunch, m.Source)
		}
	}
	return nil
}

// pullByPodman pulls by an address of Podman's own: Docker takes plain HTTP from a registry on its own machine, and Podman only where it is
// told so.
func (i *images) pullByPodman(ctx context.Context, named reference.Named, auth string) error {
	q := url.Values{"reference": {named.String()}}
	if loopback(reference.Domain(named)) {
		q.Set("tlsVerify", "false")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://podman/v4.0.0/libpod/images/pull?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	if auth != "" {
		req.Header.Set("X-Registry-Auth", auth)
	}
	resp, err := i.conn.cli.HTTPClient().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	dec := json.NewDecoder(resp.Body)
	for {
		var m struct{ Error, Message string }
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case m.Error != "" || resp.StatusCode >= 300:
			return errors.New(strings.TrimSpace(cmp.Or(m.Error, m.Message)))
		}
	}
}

// answered is which of the engine's errors a failed pull is; nil where that is not known. Podman forwards what a registry says as a text only. So
// the registry is asked.
func (i *images) answered(ctx context.Context, ref string, err error) error {
	switch answer := ask(ctx, ref); {
	case strings.HasSuffix(err.Error(), noTLS): // Go's words, which Podman forwards
		return &cause.Error{Cause: cause.Image, Err: fmt.Errorf("%w: %w", engine.ErrDenied, err),
			Hint: "its registry has no TLS: a file in /etc/containers/registries.conf.d may say insecure=true of it"}
	case answer != nil && answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %w", engine.ErrNoImage, err)
	case strings.Contains(err.Error(), unauthorized):
		return fmt.Errorf("%w: %w", engine.ErrDenied, err)
	}
	return nil
}

// noTLS is what net/http says of a server without TLS, and unauthorized how a registry's refusal begins (the distribution specification's
// code UNAUTHORIZED, in Podman's spelling).
const (
	noTLS        = "server gave HTTP response to HTTPS client"
	unauthorized = "unauthorized: "
)

// contained reports whether this process is in a container of Docker's or Podman's.
func contained(mountinfo string) bool {
	f, err := os.Open(mountinfo)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return ownID(f) != ""
}
