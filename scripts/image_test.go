package scripts

import (
	"debug/elf"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
)

// imageMax is the most bytes that the transfer image may have: every node of a fleet pulls it.
const imageMax = 30_000_000

func TestBinaryIsStatic(t *testing.T) {
	f, err := elf.Open(testenv.FerryBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a %s segment", p.Type)
		}
	}
}

func dockerCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Env = testenv.Environ("DOCKER_HOST=" + testenv.Docker(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestTransferImage(t *testing.T) {
	ref := testenv.TransferImage(t)
	var image struct {
		Size   int64
		Config struct {
			User       string
			Entrypoint []string
			Cmd        []string
			Labels     map[string]string
		}
		RootFS struct{ Layers []string }
	}
	if err := json.Unmarshal([]byte(dockerCommand(t, "image", "inspect", "--format", "{{json .}}", ref)), &image); err != nil {
		t.Fatal(err)
	}
	if image.Size > imageMax {
		t.Errorf("the image has %d bytes, more than %d", image.Size, imageMax)
	}
	if len(image.RootFS.Layers) != 1 {
		t.Errorf("it has %d layers", len(image.RootFS.Layers))
	}
	c := image.Config
	if !slices.Equal(c.Entrypoint, []string{"/usr/local/bin/ferry"}) || !slices.Equal(c.Cmd, []string{"run"}) {
		t.Errorf("it runs %q %q", c.Entrypoint, c.Cmd)
	}
	for _, name := range []string{"title", "description", "source", "version", "revision", "created"} {
		if c.Labels["org.opencontainers.image."+name] == "" {
			t.Errorf("it has no label %q", name)
		}
	}
}

// Every name that job definitions use leads to ferry, which misses its job's description.
func TestTransferImageNames(t *testing.T) {
	ref := testenv.TransferImage(t)
	for _, name := range []string{"ferry", "copyFromS3ThenRun.sh", "runS3OnBatch.sh"} {
		cmd := exec.Command("docker", "run", "--rm", "--network", "none", "--entrypoint", "/usr/local/bin/"+name, ref)
		cmd.Env = testenv.Environ("DOCKER_HOST=" + testenv.Docker(t))
		if name == "ferry" {
			cmd.Args = append(cmd.Args, "run")
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != wrapper.CauseUsage.Code() || !strings.HasPrefix(string(out), "ferry: ") {
			t.Errorf("%s without a job: exit code %d, %s", name, code, out)
		}
	}
}
