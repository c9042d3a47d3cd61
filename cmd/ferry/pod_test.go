package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/genepattern/ferry/internal/testenv"
)

// podmanConf lets podman run where root has no CAP_SYS_RESOURCE, as in a container of CI, and where cgroups are of both versions, which
// crun refuses.
const podmanConf = `[containers]
default_ulimits=["nofile=20000:20000","nproc=4096:4096"]
init_path="/usr/bin/catatonit"
[engine]
runtime="runc"
`

// pod makes of a printed Job the Pod of its template: podman 4.3 plays no Job. It knows no directory of the node that ends with the Pod
// (emptyDir), nor a part of a volume (subPath) either, so the Job is printed with --claim and --parts link.
func (r *relayRig) pod(name, file string) string {
	r.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	var job struct {
		Kind string
		Spec struct {
			Template struct {
				Spec any `yaml:"spec"`
			}
		}
	}
	if err := yaml.Unmarshal(data, &job); err != nil || job.Kind != "Job" {
		r.t.Fatalf("%v: %s", err, data)
	}
	data, err = yaml.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name}, "spec": job.Spec.Template.Spec})
	if err != nil {
		r.t.Fatal(err)
	}
	made := filepath.Join(r.dir, name+".pod.yaml")
	if err := os.WriteFile(made, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return made
}

// load gives podman images of Docker's.
func (r *relayRig) load(images ...string) {
	r.t.Helper()
	for _, image := range images {
		tar := filepath.Join(r.dir, "image.tar")
		if out, code := r.tool("docker", "save", "-o", tar, image); code != 0 {
			r.t.Fatal(out)
		}
		if out, code := r.tool("podman", "load", "-q", "-i", tar); code != 0 {
			r.t.Fatal(out)
		}
	}
}

// A Pod made of the printed Job runs as `ferry run` runs the job.
func TestPod(t *testing.T) {
	testenv.Require(t, has("podman") && has("catatonit") && has("runc"), "podman (scripts/podman.sh install)")
	testenv.Require(t, os.Geteuid() == 0, "root, for podman's networks")
	for _, j := range relayJobs {
		if j.name == "walltime" || j.name == "own-code" {
			continue // nothing of them is the platform's
		}
		t.Run(j.name, func(t *testing.T) {
			r := newRelayRig(t)
			conf := filepath.Join(r.dir, "containers.conf")
			if err := os.WriteFile(conf, []byte(podmanConf), 0o600); err != nil {
				t.Fatal(err)
			}
			r.env = append(r.env, "CONTAINERS_CONF="+conf)
			r.load(r.transfer, testenv.ModuleImage(t, j.image))
			r.whole(j, oneContainer)
			name := strings.ToLower(r.server.Bucket) + "-" + j.name
			flags := []string{"--claim", name, "--parts", "link"}
			for _, kv := range r.server.Env() {
				flags = append(flags, "--env", kv)
			}
			file := r.pod(name, r.definition("kubernetes", name, r.lay(j, threeContainers), flags...))
			t.Cleanup(func() {
				r.tool("podman", "kube", "down", file)
				r.tool("podman", "volume", "rm", "-f", name)
			})
			if out, code := r.tool("podman", "kube", "play", "--network", "host", file); code != 0 {
				t.Fatal(out)
			}
			out, code := r.tool("podman", "wait", name+"-stage-out")
			if code != 0 || strings.TrimSpace(out) == "" {
				t.Fatal(out)
			}
			if got := strings.TrimSpace(out); got != strconv.Itoa(j.code) {
				logs, _ := r.tool("podman", "logs", name+"-stage-out")
				t.Errorf("it ends with %s, not %d: %s", got, j.code, logs)
			}
			r.same(oneContainer, threeContainers)
		})
	}
}
