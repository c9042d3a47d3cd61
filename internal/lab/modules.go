package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
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

// Moduleable says whether the programs that module images are made of are there: Debian's busybox-static and bash-static.
func Moduleable(m Module) error {
	_, err := moduleFiles(m)
	return err
}

// ModuleImage makes the module image and returns its reference, ferry-test/module:NAME. It may be called by several processes at
// once. It needs what Moduleable asks for.
func (e *Engine) ModuleImage(ctx context.Context, m Module) (string, error) {
	ref := "ferry-test/module:" + string(m)
	return ref, e.makeModule(ctx, ref, m)
}

// Where the demo, the smoke test and benchmarks have no module image of their own: one made here, and one that is pulled.
const (
	demoModule   = "ferry-demo/module:1"
	publicModule = "debian:stable-slim"
)

// DemoModule is the image that the demo's module runs in. On Debian it is Bash, whose programs are installed if need be;
// what that has to say goes to log. Elsewhere it is a small public image, which the engine pulls.
func (e *Engine) DemoModule(ctx context.Context, log io.Writer) (string, error) {
	if !isDebian() {
		return publicModule, nil
	}
	err := e.Call(ctx, "GET", "/images/"+demoModule+"/json", nil, nil)
	if err == nil || !isNotFound(err) {
		return demoModule, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(Root(), "scripts", "packages.sh"), "busybox-static", "bash-static")
	cmd.Stderr = log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("installing what the module's image is made of: %w", err)
	}
	return demoModule, e.makeModule(ctx, demoModule, Bash)
}

// isDebian says whether scripts/packages.sh can install something.
func isDebian() bool {
	for _, program := range []string{"apt-get", "dpkg-query"} {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

func (e *Engine) makeModule(ctx context.Context, ref string, m Module) error {
	rootfs, err := moduleFiles(m)
	if err != nil {
		return err
	}
	var changes []string
	switch m {
	case User:
		changes = []string{"USER 1000:1000"}
	case Entrypoint:
		changes = entrypoint
	}
	ctx, cancel := context.WithTimeout(ctx, buildWithin)
	defer cancel()
	err = locked("image-"+string(m), func() error { return e.importImage(ctx, ref, rootfs, changes) })
	if err != nil {
		return fmt.Errorf("making image %q: %w", ref, err)
	}
	return nil
}

// importImage makes an image of one layer, unless ref is that image already.
func (e *Engine) importImage(ctx context.Context, ref string, layer *tarball, changes []string) error {
	sum := sha256.Sum256([]byte(layer.hash() + strings.Join(changes, "\n")))
	content := hex.EncodeToString(sum[:])
	var have struct {
		Config struct{ Labels map[string]string }
	}
	err := e.Call(ctx, "GET", "/images/"+ref+"/json", nil, &have)
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
	return e.Call(ctx, "POST", "/images/create?"+q.Encode(), layer.reader(), nil)
}
