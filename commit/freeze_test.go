package commit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
)

// plainImages is an engine that cannot take a layer as a stream, as with containerd's image store.
type plainImages struct{ engine.Images }

func (plainImages) Builder(context.Context) engine.Builder { return nil }

// eachWay runs a test with an engine that takes a layer as a stream, and with one that does not.
func eachWay(t *testing.T, test func(*testing.T, *docker.Engine, *commit.Freezer)) {
	t.Run("stream", func(t *testing.T) {
		t.Parallel()
		e := newEngine(t)
		test(t, e, freezer(t, e, nil))
	})
	t.Run("copy", func(t *testing.T) {
		t.Parallel()
		e := newEngine(t)
		f := freezer(t, e, nil)
		f.Images = plainImages{e.Images()}
		test(t, e, f)
	})
}

// TestFreeze freezes, reads the image back from its registry, and looks for what must be in it and what must not.
func TestFreeze(t *testing.T) { eachWay(t, testFreeze) }

func testFreeze(t *testing.T, e *docker.Engine, f *commit.Freezer) {
	r := registrytest.Start(t, registrytest.Options{})
	base := image(t, e, testenv.ModuleImage(t, testenv.Entrypoint))
	ref := r.Host + "/lab/mod:1"
	forget(t, e, ref)
	out, err := f.Freeze(t.Context(), commit.Request{Name: ref, Image: base, Module: module, Job: "job-7", Dirs: tasklib(t)})
	if err != nil || out.Outcome != commit.OutcomePushed || out.Reference != ref || out.Size == 0 || out.Sent == 0 {
		t.Fatalf("Freeze: %+v, %v", out, err)
	}
	img := r.Image(t, "lab/mod", "1")
	if img.Digest != out.Digest {
		t.Errorf("pushed %q, recorded %q", img.Digest, out.Digest)
	}
	checkConfig(t, img, base)
	if len(img.Layers) != 2 {
		t.Fatalf("%d layers, want the base's one and one more", len(img.Layers))
	}
	files := img.Layers[1].Files
	for name, want := range map[string]struct {
		mode int64
		body string
	}{"gp/tasklib/run.sh": {0o755, "#!/bin/sh\necho frozen\n"}, "gp/tasklib/a b/code.R": {0o640, "x <- 1\n"}} {
		if got, ok := files[name]; !ok || got.Mode&0o7777 != want.mode || string(got.Body) != want.body || got.ModTime.Year() != 2010 {
			t.Errorf("%s: %+v", name, got.Header)
		}
	}
	if l, ok := files["gp/tasklib/main"]; !ok || l.Typeflag != tar.TypeSymlink || l.Linkname != "run.sh" {
		t.Errorf("the link: %+v", l.Header)
	}
	for name, file := range files {
		if strings.Contains(name, "work") || bytes.Contains(file.Body, []byte("PRIVATE")) {
			t.Errorf("%q of the working dir is in the image", name)
		}
		if !strings.HasPrefix(name, "gp") {
			t.Errorf("%q is in the layer", name)
		}
	}
}

// checkConfig compares a frozen image's configuration with its base's.
func checkConfig(t *testing.T, img registrytest.Image, base engine.Image) {
	t.Helper()
	c := img.Config
	if !reflect.DeepEqual(c.Entrypoint, base.Entrypoint) || !reflect.DeepEqual(c.Cmd, base.Cmd) || !reflect.DeepEqual(c.Env, base.Env) ||
		c.WorkingDir != base.Workdir || c.User != base.User {
		t.Errorf("configuration %+v, base %+v", c, base)
	}
	want := map[string]string{
		commit.LabelBase: base.Ref, commit.LabelBaseDigest: "", commit.LabelBaseID: base.ID, commit.LabelModule: module.Name,
		commit.LabelLSID: module.LSID, commit.LabelJob: "job-7", commit.LabelDirs: `["/gp/tasklib"]`, commit.LabelVersion: "test",
	}
	for k, v := range base.Labels {
		want[k] = v
	}
	if !reflect.DeepEqual(c.Labels, want) {
		t.Errorf("labels %q, want %q", c.Labels, want)
	}
}

// TestFrozenAgain runs freeze on a frozen image: no layer more, and with the same files the very same layer.
func TestFrozenAgain(t *testing.T) { eachWay(t, testFrozenAgain) }

func testFrozenAgain(t *testing.T, e *docker.Engine, f *commit.Freezer) {
	r := registrytest.Start(t, registrytest.Options{})
	img := image(t, e, testenv.ModuleImage(t, testenv.Entrypoint))
	base := img
	var layers []registrytest.Layer
	for i := range 3 {
		ref := fmt.Sprintf("%s/lab/again:%d", r.Host, i)
		forget(t, e, ref)
		if _, err := f.Freeze(t.Context(), commit.Request{Name: ref, Image: img, Module: module, Job: "job-7", Dirs: tasklib(t)}); err != nil {
			t.Fatal(err)
		}
		got := r.Image(t, "lab/again", fmt.Sprint(i))
		checkConfig(t, got, base)
		if i > 0 && (len(got.Layers) != len(layers) || got.Layers[1].DiffID != layers[1].DiffID) {
			t.Errorf("freeze %d: %d layers, the last %q; before %d, %q", i, len(got.Layers), got.Layers[1].DiffID, len(layers), layers[1].DiffID)
		}
		layers, img = got.Layers, image(t, e, ref)
	}
}

// TestBaseIsGone freezes a frozen image whose base is no longer here: it is pulled by its digest.
func TestBaseIsGone(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	base, first, second := r.Host+"/lab/base:1", r.Host+"/lab/gone:1", r.Host+"/lab/gone:2"
	forget(t, e, base, first, second)
	layered(t, base, 2)
	if _, err := e.Images().Push(t.Context(), base, nil, nil); err != nil {
		t.Fatal(err)
	}
	img := image(t, e, base)
	if _, err := f.Freeze(t.Context(), commit.Request{Name: first, Image: img, Dirs: tasklib(t)}); err != nil {
		t.Fatal(err)
	}
	if got := r.Image(t, "lab/gone", "1").Config.Labels[commit.LabelBaseDigest]; !strings.HasSuffix(img.Digest, "@"+got) || got == "" {
		t.Errorf("base digest %q, want that of %q", got, img.Digest)
	}
	frozen := image(t, e, first)
	for _, ref := range []string{base, first} {
		if err := e.Images().RemoveImage(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	_ = e.Images().RemoveImage(t.Context(), img.Digest)
	out, err := f.Freeze(t.Context(), commit.Request{Name: second, Image: frozen, Dirs: tasklib(t)})
	if err != nil || out.Outcome != commit.OutcomePushed {
		t.Fatalf("Freeze: %+v, %v", out, err)
	}
	if got := r.Image(t, "lab/gone", "2"); len(got.Layers) != 3 {
		t.Errorf("%d layers, want 3", len(got.Layers))
	}
}

func TestNameIsTaken(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	base := image(t, e, testenv.ModuleImage(t))
	ref := r.Host + "/lab/taken:1"
	forget(t, e, ref)
	first, err := f.Freeze(t.Context(), commit.Request{Name: ref, Image: base, Dirs: tasklib(t)})
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Freeze(t.Context(), commit.Request{Name: ref, Image: image(t, e, testenv.ModuleImage(t, testenv.Sh)), Job: "other"})
	if err != nil || again.Outcome != commit.OutcomeExists || again.Digest != first.Digest || again.ID != "" {
		t.Errorf("Freeze: %+v, %v", again, err)
	}
	if r.Image(t, "lab/taken", "1").Digest != first.Digest {
		t.Error("the tag was moved")
	}
}

func TestHundredLayers(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	base, ref := "ferry-test/hundred:"+strings.ReplaceAll(r.Host, ":", "-"), r.Host+"/lab/hundred:1"
	forget(t, e, ref, base)
	layered(t, base, 100)
	out, err := freezer(t, e, nil).Freeze(t.Context(), commit.Request{Name: ref, Image: image(t, e, base), Dirs: tasklib(t)})
	if err != nil {
		t.Fatalf("Freeze: %+v, %v", out, err)
	}
	if got := r.Image(t, "lab/hundred", "1"); len(got.Layers) != 101 {
		t.Errorf("%d layers", len(got.Layers))
	}
}

// TestVolume freezes below a VOLUME of the base image, where what is copied in would be lost without a word.
func TestVolume(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	base := "ferry-test/volume:" + strings.ReplaceAll(r.Host, ":", "-")
	forget(t, e, base)
	id := dockerCmd(t, "create", testenv.ModuleImage(t), "x")
	dockerCmd(t, "commit", "--change", "VOLUME /gp", id, base)
	dockerCmd(t, "rm", "-v", id)
	out, err := freezer(t, e, nil).Freeze(t.Context(), commit.Request{Name: r.Host + "/lab/volume:1", Image: image(t, e, base), Dirs: tasklib(t)})
	if !errors.Is(err, engine.ErrVolume) || out.Outcome != commit.OutcomeFailed || out.Error == "" {
		t.Errorf("Freeze: %+v, %v", out, err)
	}
	if got := r.Tags(t, "lab/volume"); len(got) > 0 {
		t.Errorf("pushed: %q", got)
	}
}

// TestLocal commits and asks no registry.
func TestLocal(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	name := "ferry-test-local-" + strings.ToLower(t.Name())
	forget(t, e, name+":latest")
	out, err := freezer(t, e, nil).Freeze(t.Context(), commit.Request{Name: name, Image: image(t, e, testenv.ModuleImage(t)), Dirs: tasklib(t), Local: true})
	if err != nil || out.Outcome != commit.OutcomeCommitted || out.ID == "" {
		t.Fatalf("Freeze: %+v, %v", out, err)
	}
	if got := dockerCmd(t, "run", "--rm", "--network", "none", name, "/gp/tasklib/run.sh"); got != "frozen" {
		t.Errorf("the frozen image says %q", got)
	}
}

// TestContainerAsItIs commits a container in which everything that changed belongs into the image: what was deleted is
// gone there too, and its variables are not in the configuration. A file that came and went in /tmp does not matter.
func TestContainerAsItIs(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	ref := r.Host + "/lab/asitis:1"
	forget(t, e, ref)
	id := dockerCmd(t, "create", "--network", "none", "-e", "TOKEN=hush", "--entrypoint", "/bin/sh", testenv.ModuleImage(t, testenv.Entrypoint), "-c", "rm /etc/group; echo x >/opt; echo x >/tmp/passing; rm /tmp/passing")
	defer dockerCmd(t, "rm", "-f", id)
	dockerCmd(t, "start", "-a", id)
	out, err := freezer(t, e, nil).Container(t.Context(), id, commit.Request{Name: ref}, nil)
	if err != nil || out.Outcome != commit.OutcomePushed {
		t.Fatalf("Container: %+v, %v", out, err)
	}
	img := r.Image(t, "lab/asitis", "1")
	files := img.Layers[len(img.Layers)-1].Files
	if _, ok := files["etc/.wh.group"]; !ok || string(files["opt"].Body) != "x\n" || len(img.Layers) != 2 {
		t.Errorf("%d layers, the last with %v", len(img.Layers), files)
	}
	if bytes.Contains(img.Raw, []byte("hush")) || !slices.Equal(img.Config.Entrypoint, []string{"/bin/false"}) {
		t.Errorf("configuration: %s", img.Raw)
	}
}
