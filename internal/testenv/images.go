package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Module names one of the module images, which are made on the spot of Debian's static busybox and bash, with no
// pull. Each has /etc/passwd with root and the user "module" (1000:1000), and a /tmp for everybody.
type Module string

// The module images.
const (
	Bash       Module = "bash"       // /bin/bash, and busybox's commands
	Sh         Module = "sh"         // busybox's commands, among them sh, but no bash
	NoShell    Module = "noshell"    // /bin/true and /bin/sleep only
	User       Module = "user"       // as Bash, with USER 1000:1000
	Entrypoint Module = "entrypoint" // as Bash, with ENTRYPOINT, CMD, ENV, WORKDIR and LABEL of its own; see entrypoint
)

// entrypoint are the instructions of Entrypoint. Whoever leaves its ENTRYPOINT in force sees status 1.
var entrypoint = []string{
	`ENTRYPOINT ["/bin/false"]`,
	`CMD ["own", "command"]`,
	`ENV GREETING=hello`,
	`ENV PATH=/own/bin:/bin`,
	`WORKDIR /own`,
	`LABEL org.example.own=kept`,
}

// buildWithin bounds the making of an image.
const buildWithin = 2 * time.Minute

// contentLabel is the label with the hash of what an image was made of, so that one that is there is used again.
const contentLabel = "ferry-test.content"

// ModuleImage makes the module image, Bash if none is named, and returns its reference. It needs a Docker engine and
// the packages busybox-static and bash-static.
func ModuleImage(t testing.TB, m ...Module) string {
	t.Helper()
	if len(m) == 0 {
		m = []Module{Bash}
	}
	e := docker(t)
	rootfs, err := moduleFiles(m[0])
	Require(t, err == nil, fmt.Sprintf("Debian's busybox-static and bash-static: %v", err))
	var changes []string
	switch m[0] {
	case User:
		changes = []string{"USER 1000:1000"}
	case Entrypoint:
		changes = entrypoint
	}
	ref := "ferry-test/module:" + string(m[0])
	ctx, cancel := context.WithTimeout(t.Context(), buildWithin)
	defer cancel()
	if err := locked("image-"+string(m[0]), func() error { return e.importImage(ctx, ref, rootfs, changes) }); err != nil {
		t.Fatalf("making image %q: %v", ref, err)
	}
	return ref
}

// importImage makes an image of one layer, unless ref is that image already.
func (e *engineAPI) importImage(ctx context.Context, ref string, layer *tarball, changes []string) error {
	sum := sha256.Sum256([]byte(layer.hash() + strings.Join(changes, "\n")))
	content := hex.EncodeToString(sum[:])
	var have struct {
		Config struct{ Labels map[string]string }
	}
	err := e.call(ctx, "GET", "/images/"+ref+"/json", nil, &have)
	if err == nil && have.Config.Labels[contentLabel] == content {
		return nil
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	repo, tag, _ := strings.Cut(ref, ":")
	q := url.Values{"fromSrc": {"-"}, "repo": {repo}, "tag": {tag}}
	for _, c := range append(changes, "LABEL "+contentLabel+"="+content) {
		q.Add("changes", c)
	}
	return e.call(ctx, "POST", "/images/create?"+q.Encode(), layer.reader(), nil)
}

// treeLabel marks the transfer images of one working tree.
const treeLabel = "ferry-test.tree"

// TransferImage builds the transfer image from this working tree, as `make image` does, and returns its reference. Its
// tag is made of its binary, so that two working trees can use one engine.
func TransferImage(t testing.TB) string {
	t.Helper()
	e := docker(t)
	binary := FerryBinary(t)
	sum, err := fileHash(binary)
	if err != nil {
		t.Fatal(err)
	}
	ref := "ferry-test/transfer:" + hex.EncodeToString(sum[:6])
	here := sha256.Sum256([]byte(Root()))
	tree := treeLabel + "=" + hex.EncodeToString(here[:6])
	err = locked("transfer", func() error {
		script := filepath.Join(Root(), "scripts", "image.sh")
		cmd := exec.CommandContext(t.Context(), script, ref, binary, "--label", tree)
		cmd.Dir = Root()
		cmd.Env = os.Environ()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return e.removeOthers(t.Context(), tree, ref)
	})
	if err != nil {
		t.Fatalf("building image %q: %v", ref, err)
	}
	return ref
}

// removeOthers removes the images with the label except ref: those of earlier builds. One that a container still uses
// stays.
func (e *engineAPI) removeOthers(ctx context.Context, label, ref string) error {
	filter, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return err
	}
	var images []struct{ RepoTags []string }
	if err := e.call(ctx, "GET", "/images/json?filters="+url.QueryEscape(string(filter)), nil, &images); err != nil {
		return err
	}
	for _, image := range images {
		for _, tag := range image.RepoTags {
			if tag == ref {
				continue
			}
			err := e.call(ctx, "DELETE", "/images/"+tag, nil, nil)
			var refused *statusError
			if err != nil && !errors.As(err, &refused) {
				return err
			}
		}
	}
	return nil
}
