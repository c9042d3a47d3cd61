package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/node"
)

// TestCommitKept commits the container that a job left with --keep. Its image holds what freezing the job would have put
// there, wherever the container has it from.
func TestCommitKept(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"mount", "copy"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
			store, local := t.TempDir(), filepath.Join(t.TempDir(), "local")
			for name, text := range map[string]string{
				"jobs/1/.gp_metadata/exec.sh": "cat /gp/tasklib/tool.txt /in/data.txt >result\necho later >/gp/lib/installed\n",
				"gp/tasklib/tool.txt":         "tool", "gp/lib/R/x.rds": "x", "in/data.txt": "input",
			} {
				p := filepath.Join(store, name)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			id := "kept-" + strings.ToLower(rand.Text()[:8])
			_, stderr, code := ferry(t, nil, "run", "--remote", store, "--image", testenv.ModuleImage(t), "--workdir", "/jobs/1", "--module-dir", "/gp/tasklib",
				"--library", "/gp/lib", "--input", "/in", "--local-prefix", local, "--network", "none", "--stage", stage, "--job-id", id, "--keep", "--env", "TOKEN=hush")
			kept, err := e.List(t.Context(), map[string]string{node.LabelJob: id})
			for _, c := range kept {
				if h, err := e.Attach(t.Context(), c.ID); err == nil {
					t.Cleanup(func() { _ = h.Remove(context.Background()) })
				}
			}
			if code != 0 || err != nil || len(kept) != 1 {
				t.Fatalf("%d, %v, %+v: %s", code, err, kept, stderr)
			}
			ref := r.Host + "/lab/kept:1"
			t.Cleanup(func() { _ = e.Images().RemoveImage(context.Background(), ref) })
			if _, stderr, code := ferry(t, nil, "commit", kept[0].ID, "--to", ref); code != 0 {
				t.Fatalf("commit: %d: %s", code, stderr)
			}
			img := r.Image(t, "lab/kept", "1")
			files := img.Layers[len(img.Layers)-1].Files
			for name, want := range map[string]string{"gp/tasklib/tool.txt": "tool", "gp/lib/R/x.rds": "x", "gp/lib/installed": "later\n"} {
				if got := string(files[name].Body); got != want {
					t.Errorf("%s holds %q, want %q", name, got, want)
				}
			}
			for name := range files {
				if top, _, _ := strings.Cut(name, "/"); top != "gp" {
					t.Errorf("%s is in the image", name)
				}
			}
			if strings.Contains(string(img.Raw), "hush") || img.Config.Labels[commit.LabelJob] != id {
				t.Errorf("configuration: %s", img.Raw)
			}
		})
	}
}
