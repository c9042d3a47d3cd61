package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// treeLabel marks the transfer images of one working tree.
const treeLabel = "ferry-test.tree"

// TransferImage builds the transfer image of a ferry binary, and returns its reference. Its tag is made of the binary, so
// that two working trees can use one engine, and earlier ones of this tree are removed.
func (e *Engine) TransferImage(ctx context.Context, binary string) (string, error) {
	sum, err := fileHash(binary)
	if err != nil {
		return "", err
	}
	ref := "ferry-test/transfer:" + hex.EncodeToString(sum[:6])
	here := sha256.Sum256([]byte(Root()))
	tree := treeLabel + "=" + hex.EncodeToString(here[:6])
	err = locked("transfer", func() error {
		if err := BuildTransferImage(ctx, ref, binary, e.Host, "--label", tree); err != nil {
			return err
		}
		return e.removeOthers(ctx, tree, ref)
	})
	return ref, err
}

// BuildTransferImage builds the transfer image of a ferry binary by `docker build`, with its further options, and gives it the name.
// It works with every builder since Docker 20.10, and sends the engine the binary only, not the repository. With host ""
// it is the docker command's own business which engine that is.
func BuildTransferImage(ctx context.Context, name, binary, host string, options ...string) error {
	if err := os.MkdirAll(filepath.Join(Root(), "bin"), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Join(Root(), "bin"), "image.")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := layOutImage(dir, binary); err != nil {
		return err
	}
	var env []string
	if host != "" {
		env = []string{"DOCKER_HOST=" + host}
	}
	docker := func(args ...string) (string, error) { return Output(Command(ctx, env, "docker", args...)) }
	before, err := docker("image", "inspect", "--format", "{{.Id}}", name)
	if err != nil {
		before = "" // the first of its name
	}
	args := []string{"build", "--file", filepath.Join(Root(), "Dockerfile"), "--tag", name}
	for _, kv := range describeCommit(ctx) {
		args = append(args, "--build-arg", kv)
	}
	build := Command(ctx, env, "docker", append(append(args, options...), dir)...)
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	// The image that had the name before is of no use to anybody, unless it has another name too or a container uses it.
	if before != "" {
		if names, err := docker("image", "inspect", "--format", "{{len .RepoTags}}", before); err == nil && names == "0" {
			_, _ = docker("image", "rm", before)
		}
	}
	return nil
}

// layOutImage makes the build context, which is the image's file system: the binary, its links and an empty /tmp.
func layOutImage(dir, binary string) error {
	bin, tmp := filepath.Join(dir, "usr", "local", "bin"), filepath.Join(dir, "tmp")
	for _, d := range []string{bin, tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// Job definitions written for the wrapper scripts that ferry replaces call it by these names.
	for _, older := range []string{"copyFromS3ThenRun.sh", "runS3OnBatch.sh"} {
		if err := os.Symlink("ferry", filepath.Join(bin, older)); err != nil {
			return err
		}
	}
	return errors.Join(
		os.Chmod(dir, 0o755), // whatever the umask, and MkdirTemp
		os.Chmod(filepath.Join(dir, "usr"), 0o755), os.Chmod(filepath.Join(dir, "usr", "local"), 0o755), os.Chmod(bin, 0o755),
		os.Chmod(tmp, os.ModeSticky|0o777),
		CopyFile(filepath.Join(bin, "ferry"), binary, 0o755),
	)
}

// describeCommit are the Dockerfile's arguments. The commit's time is taken and not the clock's: the same commit makes the
// same image.
func describeCommit(ctx context.Context) []string {
	said := func(otherwise, name string, args ...string) string {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = Root()
		cmd.Env = append(os.Environ(), "TZ=UTC")
		out, err := cmd.Output()
		if err != nil {
			return otherwise
		}
		return strings.TrimSpace(string(out))
	}
	return []string{
		"VERSION=" + said("unknown", filepath.Join(Root(), "scripts", "version.sh")),
		"REVISION=" + said("unknown", "git", "rev-parse", "HEAD"),
		"CREATED=" + said("1970-01-01T00:00:00Z", "git", "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"),
	}
}

// removeOthers removes the images with the label except ref: those of earlier builds. One that a container still uses
// stays.
func (e *Engine) removeOthers(ctx context.Context, label, ref string) error {
	filter, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return err
	}
	var images []struct{ RepoTags []string }
	if err := e.Call(ctx, "GET", "/images/json?filters="+url.QueryEscape(string(filter)), nil, &images); err != nil {
		return err
	}
	for _, image := range images {
		for _, tag := range image.RepoTags {
			if tag == ref {
				continue
			}
			err := e.Call(ctx, "DELETE", "/images/"+tag, nil, nil)
			var refused *statusError
			if err != nil && !errors.As(err, &refused) {
				return err
			}
		}
	}
	return nil
}
