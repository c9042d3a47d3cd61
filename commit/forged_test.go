package commit_test

import (
	"context"
	"strings"
	"testing"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/internal/testenv"
)

// forgedLabels are instructions of an image that calls itself frozen from a base.
func forgedLabels(id, digest, ref string) []string {
	return []string{"LABEL " + commit.LabelBaseID + "=" + id, "LABEL " + commit.LabelBaseDigest + "=" + digest, "LABEL " + commit.LabelBase + "=" + ref,
		"LABEL " + commit.LabelModule + "=Tool", `LABEL ` + commit.LabelDirs + `='["/etc"]'`, `LABEL ` + commit.LabelContainer + `='{"module":"Victim","lsid":"urn:lsid:x:m:1:1","dirs":["/evil"]}'`}
}

// TestForgedBase freezes a job that ran from an image that names another as its base: what is frozen is the image that ran, under the tag of
// that image's digest.
func TestForgedBase(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	victim := image(t, e, testenv.ModuleImage(t))
	evil := image(t, e, testenv.DerivedImage(t, testenv.ModuleImage(t), map[string]string{"evil/x": "evil"}, forgedLabels(victim.ID, "", victim.Ref)...))
	honest, err := freezer(t, e, nil).Freeze(t.Context(), commit.Request{Name: r.Host + "/lab/tool", Image: victim, Module: module, Dirs: tasklib(t)})
	if err != nil {
		t.Fatal(err)
	}
	forget(t, e, honest.Reference)
	out, err := freezer(t, e, nil).Freeze(t.Context(), commit.Request{Name: r.Host + "/lab/tool", Image: evil, Module: module, Dirs: tasklib(t)})
	if err != nil {
		t.Fatal(err)
	}
	forget(t, e, out.Reference)
	if out.Base != evil.Ref || out.Reference == honest.Reference {
		t.Errorf("frozen from %q as %q, which is honestly %q", out.Base, out.Reference, honest.Reference)
	}
	_, tag, _ := strings.Cut(strings.TrimPrefix(out.Reference, r.Host), ":")
	if got := r.Image(t, "lab/tool", tag).Config.Labels; got[commit.LabelBaseID] != evil.ID || got[commit.LabelBase] != evil.Ref {
		t.Errorf("labels %q", got)
	}
}

// TestNotOfTheRegistry has the engine hold, under the name of the frozen image, one that the registry does not have: it is not run.
func TestNotOfTheRegistry(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	base := image(t, e, testenv.ModuleImage(t))
	ref := r.Host + "/lab/frozen:1"
	evil := testenv.DerivedImage(t, testenv.ModuleImage(t), nil, forgedLabels(base.ID, "", base.Ref)...)
	testenv.DockerCommand(t, nil, "tag", evil, ref)
	forget(t, e, ref)
	request := commit.Request{Name: ref, Module: commit.Module{Name: "Tool"}}
	if c, why, ok := f.Prefer(t.Context(), request, testenv.ModuleImage(t)); ok {
		t.Errorf("%+v is run (%s)", c, why)
	}
	// With an honest one in the registry, that is run, though the engine has the other under its name.
	honest := commit.Request{Name: ref, Module: commit.Module{Name: "Tool"}, Image: base, Dirs: tasklib(t)}
	testenv.DockerCommand(t, nil, "rmi", ref)
	if _, err := f.Freeze(t.Context(), honest); err != nil {
		t.Fatal(err)
	}
	testenv.DockerCommand(t, nil, "tag", evil, ref)
	c, why, ok := f.Prefer(t.Context(), request, testenv.ModuleImage(t))
	if !ok || c.Image.ID == image(t, e, evil).ID {
		t.Errorf("%+v is run: %v (%s)", c.Image, ok, why)
	}
	t.Cleanup(func() { _ = e.Images().RemoveImage(context.Background(), c.Image.Digest) })
}

// TestForgedOrigin commits a container that has its image's label of a job.
func TestForgedOrigin(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	base := image(t, e, testenv.ModuleImage(t))
	evil := testenv.DerivedImage(t, base.Ref, nil, forgedLabels(base.ID, "", base.Ref)...)
	id := testenv.DockerCommand(t, nil, "run", "-d", "--network", "none", evil, "/bin/sh", "-c", "echo x >/changed")
	defer testenv.DockerCommand(t, nil, "rm", "-f", id)
	testenv.DockerCommand(t, nil, "wait", id)
	ref := r.Host + "/lab/origin:1"
	forget(t, e, ref)
	f := freezer(t, e, nil)
	f.Containers = e
	if _, err := f.Container(t.Context(), id, commit.Request{Name: ref}, nil); err != nil {
		t.Fatal(err)
	}
	img := r.Image(t, "lab/origin", "1")
	if l := img.Config.Labels; l[commit.LabelModule] == "Victim" || l[commit.LabelBaseID] == base.ID {
		t.Errorf("labels %q", l)
	}
	if _, ok := img.Layers[len(img.Layers)-1].Files["changed"]; !ok {
		t.Error("what was changed is not in the image")
	}
}
