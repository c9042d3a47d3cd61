package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// A volume of the engine's is the place of the job: no directory is shared with the engine's host.
func TestVolume(t *testing.T) {
	r := newRelayRig(t)
	name := strings.ToLower(r.server.Bucket) + "-" + filepath.Base(filepath.Dir(r.dir))
	if out, code := r.tool("docker", "volume", "create", name); code != 0 {
		t.Fatal(out)
	}
	t.Cleanup(func() {
		if out, code := r.tool("docker", "volume", "rm", name); code != 0 {
			t.Error(out)
		}
	})
	socket := strings.TrimPrefix(testenv.Docker(t), "unix://")
	options := r.lay(relayJobs[0], oneContainer)
	ferry := func(volume string) (string, int) {
		args := []string{"run", "--rm", "--network", "host", "-v", name + ":/local", "-v", socket + ":/var/run/docker.sock"}
		for _, kv := range r.server.Env() {
			args = append(args, "-e", kv)
		}
		return r.tool("docker", append(append(args, r.transfer, "run", "--volume", volume), options...)...)
	}
	if out, code := ferry("another"); code != 64 || !strings.Contains(out, "is not on it") {
		t.Errorf("another volume: code %d, %s", code, out)
	}
	out, code := ferry(name)
	if code != 0 {
		t.Fatalf("code %d: %s", code, out)
	}
	if got := r.fetch(oneContainer)["jobs/1/r.txt"]; !strings.HasSuffix(got, "data\n") {
		t.Errorf("the result is %q", got)
	}
	_, errs, code := r.run(append([]string{"run", "--volume", name, "--local-prefix", filepath.Join(r.dir, "local")}, options...)...)
	if code != 64 || !strings.Contains(errs, "docker run -v "+name) {
		t.Errorf("on a host: code %d, %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "local")); err == nil {
		t.Error("something was made for it")
	}
}
