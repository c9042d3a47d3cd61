package scripts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// client is the environment in which Python finds this ferry and its package.
func client(t *testing.T, dir string, more ...string) []string {
	t.Helper()
	_, err := os.Stat(filepath.Join(testenv.Root(), "bin", "jupyter", "bin", "python"))
	testenv.Require(t, err == nil, "a Jupyter kernel (scripts/jupyter.sh install)")
	return append([]string{"DOCKER_HOST=" + testenv.Docker(t), "FERRY=" + testenv.FerryBinary(t), "PYTHONPATH=" + filepath.Join(testenv.Root(), "python", "src"),
		"PYTHONDONTWRITEBYTECODE=1", "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_CACHE_HOME=" + filepath.Join(dir, "cache"), "TMPDIR=" + dir}, more...)
}

// A module in a notebook, with a real kernel and real containers: its help, its form, its results.
func TestModuleNotebook(t *testing.T) {
	image, dir := testenv.ModuleImage(t), t.TempDir()
	notebook := filepath.Join(testenv.Root(), "python", "examples", "module.ipynb")
	made := filepath.Join(dir, "made.ipynb")
	env := client(t, dir, "IMAGE="+image, "MODULE="+filepath.Join(demo, "tasklib"), "INPUT="+filepath.Join(demo, "input", "two_classes.gct"))
	python(t, nil, "python", filepath.Join(testenv.Root(), "python", "examples", "make.py"), "module", made)
	if want, got := read(t, made), read(t, notebook); got != want {
		t.Error("the notebook is not what make.py writes")
	}
	out := python(t, env, "python", "-c", execute, notebook)
	for _, want := range []string{
		"SelectMarkers(*, input_file, count='50', to='local', workdir=None, image=None, **options)",
		"input_file: file (gct), required", "Finds the genes that tell two classes",
		"<td style='text-align:left'><code>count</code></td>", "application/vnd.jupyter.widget-view+json",
		"['stdout.txt', 'two_classes.filtered.gct', 'two_classes.markers.tsv', 'two_classes.summary.txt']", "rank\tname",
		"refused: count=many is no number; it must be within 1..999999; input.file: none.gct: no such file or directory", "\n11\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the notebook does not print %q:\n%s", want, out)
		}
	}
	results, err := filepath.Glob(filepath.Join(dir, "*", "one"))
	if err != nil || len(results) != 1 {
		t.Fatalf("%v, %v", results, err)
	}
	for _, name := range []string{"two_classes.filtered.gct", "two_classes.markers.tsv", "two_classes.summary.txt"} {
		if read(t, filepath.Join(results[0], name)) != read(t, filepath.Join(demo, "golden", name)) {
			t.Errorf("%s is not what it is without ferry", name)
		}
	}
}

// Names, values and GenePattern's own names, by a script that checks them.
func TestModulePython(t *testing.T) {
	image, dir := testenv.ModuleImage(t), t.TempDir()
	out := python(t, client(t, dir, "IMAGE="+image), "python", filepath.Join("testdata", "module.py"), dir)
	if !strings.HasSuffix(out, "all holds\n") {
		t.Errorf("it says\n%s", out)
	}
}
