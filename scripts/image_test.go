package scripts

import (
	"debug/elf"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// imageMax is the most bytes that the transfer image may have: every node of a fleet pulls it.
const imageMax = 40_000_000

func TestBinaryIsStatic(t *testing.T) {
	f, err := elf.Open(testenv.FerryBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
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
	for _, name := range []string{"title", "description", "source", "version", "revision", "created", "licenses"} {
		if c.Labels["org.opencontainers.image."+name] == "" {
			t.Errorf("it has no label %q", name)
		}
	}
}

// Every name that job definitions use leads to ferry. By the older ones it takes its job from variables and arguments of
// a GenePattern server, and no flags.
func TestTransferImageNames(t *testing.T) {
	ref := testenv.TransferImage(t)
	for name, want := range map[string]string{
		"ferry": "usage: ferry run", "copyFromS3ThenRun.sh": "--remote is missing", "runS3OnBatch.sh": "needs TASKLIB",
	} {
		cmd := exec.CommandContext(t.Context(), "docker", "run", "--rm", "--network", "none", "--entrypoint", "/usr/local/bin/"+name, ref, "run", "--help")
		cmd.Env = testenv.Environ("DOCKER_HOST=" + testenv.Docker(t))
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("%s says\n%s", name, out)
		}
	}
}
