package scripts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// python runs a command of the environment that scripts/jupyter.sh makes.
func python(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(testenv.Root(), "bin", "jupyter", "bin", name), args...)
	cmd.Env = testenv.Environ(env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// execute runs a notebook in a real kernel, and prints what its cells print.
const execute = `
import sys, nbformat
from nbclient import NotebookClient
nb = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(nb, timeout=240, kernel_name="python3").execute()
for cell in nb.cells:
    for o in cell.get("outputs", []):
        print(o.get("text", "") or "".join(o.get("data", {}).get("text/html", "")), *(kind for kind in o.get("data", {}) if "widget" in kind))
`

// The wheel carries the program and needs nothing else. The example notebook runs in a real Jupyter kernel: results, an array, a failure,
// a cancellation, and the card of a job.
func TestNotebook(t *testing.T) {
	host, image, ferry := testenv.Docker(t), testenv.ModuleImage(t), testenv.FerryBinary(t)
	_, err := os.Stat(filepath.Join(testenv.Root(), "bin", "jupyter", "bin", "python"))
	testenv.Require(t, err == nil, "a Jupyter kernel (scripts/jupyter.sh install)")
	dir := t.TempDir()
	notebook := filepath.Join(testenv.Root(), "python", "examples", "submit.ipynb")
	made := filepath.Join(dir, "made.ipynb")
	python(t, nil, "python", filepath.Join(testenv.Root(), "python", "examples", "make.py"), "submit", made)
	if want, got := read(t, made), read(t, notebook); got != want {
		t.Error("the notebook is not what make.py writes")
	}
	wheel := strings.TrimSpace(python(t, nil, "python", filepath.Join(testenv.Root(), "python", "wheel.py"), ferry, "0.0.1", "manylinux2014_x86_64", dir))
	python(t, nil, "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--force-reinstall", wheel)
	if out := python(t, nil, "ferry", "version"); !strings.HasPrefix(out, "ferry ") {
		t.Errorf("the wheel's ferry says %q", out)
	}
	env := []string{"IMAGE=" + image, "DOCKER_HOST=" + host, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "PYTHONDONTWRITEBYTECODE=1", "TMPDIR=" + dir}
	out := python(t, env, "python", "-c", execute, notebook)
	for _, want := range []string{"apple\npear\n", "<b>ferry job ", ">done</span>", "{'done': 2}", "it's 0", "$HOME 1", "failed: 3", "cancelled"} {
		if !strings.Contains(out, want) {
			t.Errorf("the notebook does not print %q:\n%s", want, out)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
