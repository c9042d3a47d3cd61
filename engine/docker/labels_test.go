package docker

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// labelled makes an image with labels that look like ferry's own.
func labelled(t *testing.T, e *Engine) engine.Image {
	t.Helper()
	base, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("labels-%d-%d", os.Getpid(), time.Now().UnixNano())
	d, err := e.images.Draft(t.Context(), "ferry-test-"+name, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Remove(context.WithoutCancel(t.Context())) }()
	ref := "ferry-test/" + name
	if _, err := d.Commit(t.Context(), ref, map[string]string{"ferry.job": "victim", "ferry.owner": "/local/victim.1", "ferry.keep": "true",
		"ferry.id": "x", "ferry.probe": "1", "Ferry.Other": "y", "org.example": "theirs"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.images.RemoveImage(context.WithoutCancel(t.Context()), ref) })
	img, err := e.Image(t.Context(), ref, nil)
	if err != nil || img.Labels["ferry.job"] != "victim" {
		t.Fatalf("%+v, %v", img.Labels, err)
	}
	return img
}

// An image's labels are not taken for ferry's own, on any container that ferry makes of it.
func TestLabelsOfAnImage(t *testing.T) {
	e := testEngine(t)
	img := labelled(t, e)
	made := map[string]string{} // id of a container -> what it is
	c, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/true"}, Network: "none", Labels: map[string]string{"ferry.job": "mine"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Remove(context.WithoutCancel(t.Context())) }()
	made[c.ID()] = "module"
	d, err := e.images.Draft(t.Context(), "", img, map[string]string{"ferry.job": "mine"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Remove(context.WithoutCancel(t.Context())) }()
	made[d.(*Draft).ID()] = "draft"
	l, err := e.images.look(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close(t.Context())
	made[l.id] = "probe"
	for id, what := range made {
		in, err := e.cli.ContainerInspect(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"ferry.job", "ferry.owner", "ferry.keep", "ferry.id", "ferry.probe", "Ferry.Other"} {
			v := in.Config.Labels[k]
			if own := what != "probe" && k == "ferry.job" && v == "mine" || what == "probe" && k == "ferry.probe" && v == in.Name[1:]; v != "" && !own {
				t.Errorf("the %s has the image's label %s=%q", what, k, v)
			}
		}
		if in.Config.Labels["org.example"] != "theirs" {
			t.Errorf("the %s has lost a label that is not ferry's", what)
		}
	}
	// What is committed has the image's own labels again.
	ref := img.Ref + "-again"
	if _, err := d.Commit(t.Context(), ref, map[string]string{"ferry.frozen.job": "mine"}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.images.RemoveImage(context.WithoutCancel(t.Context()), ref) }()
	if again, err := e.Image(t.Context(), ref, nil); err != nil || again.Labels["ferry.job"] != "victim" || again.Labels["ferry.frozen.job"] != "mine" {
		t.Errorf("committed: %q, %v", again.Labels, err)
	}
}

// A probe that a killed ferry left is removed, and nothing that only looks like one.
func TestSweep(t *testing.T) {
	e := testEngine(t)
	img := labelled(t, e)
	left, err := e.images.look(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	defer left.close(t.Context())
	other, err := e.cli.ContainerCreate(t.Context(), &container.Config{Image: img.ID, Cmd: []string{"/bin/true"}}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	theirs := &Container{conn: e.conn, id: other.ID}
	defer func() { _ = theirs.Remove(context.WithoutCancel(t.Context())) }()
	if _, err := engine.Sweep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Attach(t.Context(), left.id); err != nil {
		t.Errorf("a probe that may be in use was removed: %v", err)
	}
	if n, err := e.sweep(t.Context(), 0, left.id); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := e.Attach(t.Context(), left.id); err == nil {
		t.Error("an old probe is left")
	}
	if _, err := e.Attach(t.Context(), theirs.id); err != nil {
		t.Errorf("a container of somebody else's was removed: %v", err)
	}
}
