package testenv

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var derived atomic.Int64

// DerivedImage makes an image of another, with files added and instructions such as "USER toor" applied, and returns its reference.
// files are contents by path without a leading slash; a path that ends in @ is a link without the @, and its content the target. The image is removed when the test ends.
func DerivedImage(t testing.TB, base string, files map[string]string, instructions ...string) string {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for name, text := range files {
		head := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))}
		link, isLink := strings.CutSuffix(name, "@")
		if isLink {
			head = &tar.Header{Name: link, Typeflag: tar.TypeSymlink, Linkname: text}
		}
		err := w.WriteHeader(head)
		if err == nil && !isLink {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	id := DockerCommand(t, nil, "create", "--network", "none", base, "/none")
	defer DockerCommand(t, nil, "rm", "-f", "-v", id)
	DockerCommand(t, &layer, "cp", "-", id+":/")
	ref := fmt.Sprintf("ferry-test/derived:%d-%d-%d", os.Getpid(), time.Now().UnixNano(), derived.Add(1))
	args := []string{"commit"}
	for _, i := range instructions {
		args = append(args, "--change", i)
	}
	DockerCommand(t, nil, append(args, id, ref)...)
	t.Cleanup(func() { DockerCommand(t, nil, "rmi", "-f", ref) })
	return ref
}

// dockerWithin bounds a command of docker's.
const dockerWithin = 2 * time.Minute

// DockerCommand runs the docker command on the engine that tests share, and returns what it prints.
func DockerCommand(t testing.TB, stdin *bytes.Buffer, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dockerWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = Environ("DOCKER_HOST=" + Docker(t))
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %q: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}
