package apptainer_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/testenv"
)

// TestSourceFrozen freezes a module's code into a SIF file, runs from it, freezes again, and commits a container.
func TestSourceFrozen(t *testing.T) {
	dir := filepath.Join(userDir(t), "frozen")
	code := filepath.Join(dir, "code")
	if err := os.MkdirAll(code, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(code, "run.sh"), []byte("echo frozen $GREETING\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e := apptainer.New(config(t, dir))
	base, err := e.Image(ctx, "docker-archive:"+testenv.ModuleArchive(t, dir, testenv.Entrypoint), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := commit.New(e)
	if !ok {
		t.Fatal("no images are made")
	}
	root, err := os.OpenRoot(code)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	request := func(name string, img engine.Image) commit.Request {
		return commit.Request{Name: name, Image: img, Module: commit.Module{Name: "Some", LSID: "urn:lsid:a:b:00001:3"}, Job: "1",
			Dirs: []copytree.Dir{copytree.FromRoot(root, ".", "/opt/some module/code", nil, nil)}}
	}
	file := filepath.Join(dir, "made", "some.sif")
	for name, want := range map[string]string{file: file, commit.Auto: filepath.Join(dir, "cache", "frozen", "some", "a-b-00001", "3-sif_")} {
		out, err := f.Freeze(ctx, request(name, base))
		if err != nil || out.Outcome != commit.OutcomeCommitted || !strings.HasPrefix(out.Reference, want) || out.Size == 0 || out.ID == "" {
			t.Fatalf("%s: %+v, %v", name, out, err)
		}
		choice, why, ok := f.Prefer(ctx, request(name, base), base.Ref)
		if !ok || choice.Image.Ref != out.Reference || len(choice.Dirs) != 1 {
			t.Fatalf("%s: %+v, %s", name, choice, why)
		}
		exit, said := run(ctx, t, e, engine.Spec{Image: choice.Image, Command: []string{"/bin/sh", "/opt/some module/code/run.sh"}})
		if exit.Code != 0 || said != "frozen hello\n" { // the base's variables are still there
			t.Errorf("%s: %+v %q", name, exit, said)
		}
		if out, err := f.Freeze(ctx, request(name, choice.Image)); err != nil || out.Outcome != commit.OutcomeExists {
			t.Errorf("%s again: %+v, %v", name, out, err)
		}
	}
	if _, err := f.Freeze(ctx, request("registry.example.org/a/b:1", base)); err == nil {
		t.Error("a registry was taken")
	}
	testCommitContainer(ctx, t, e, f, base, filepath.Join(dir, "made", "container.sif"))
	if left, err := filepath.Glob(filepath.Join(dir, "node", "containers", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "made", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// testCommitContainer commits a container that has ended, with what it wrote and deleted.
func testCommitContainer(ctx context.Context, t *testing.T, e *apptainer.Engine, f *commit.Freezer, base engine.Image, file string) {
	c, err := e.Create(ctx, engine.Spec{Image: base, Name: "kept", Command: []string{"/bin/sh", "-c",
		"mkdir -p /new/dir && echo new > /new/dir/f && rm /bin/vi && echo more >> /etc/group && echo gone > /tmp/x"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
	if err := c.Start(ctx, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if exit, err := c.Wait(ctx); err != nil || exit.Code != 0 {
		t.Fatalf("%+v, %v", exit, err)
	}
	out, err := f.Container(ctx, "kept", commit.Request{Name: file, Module: commit.Module{Name: "Some"}}, nil)
	if err != nil || out.Outcome != commit.OutcomeCommitted || out.Reference != file {
		t.Fatalf("%+v, %v", out, err)
	}
	img, err := e.Image(ctx, file, nil)
	if err != nil || img.Labels[commit.LabelModule] != "Some" {
		t.Fatalf("%+v, %v", img, err)
	}
	exit, said := run(ctx, t, e, engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "cat /new/dir/f; ls /bin/vi /tmp/x 2>/dev/null; tail -n 1 /etc/group"}})
	if exit.Code != 0 || !strings.HasPrefix(said, "new\n") || strings.Contains(said, "/vi") || strings.Contains(said, "/tmp/x") {
		t.Errorf("%+v %q", exit, said)
	}
}
