package docker

import (
	"context"
	"testing"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// What was seen in a container of an image is known of the next one, unless a mount may lie over it: such a container is looked into.
func TestKnownPrograms(t *testing.T) {
	e := testEngine(t)
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for _, c := range []struct {
		target, path string
		has, known   bool
	}{
		{"/data/1", "/bin/sh", true, false},
		{"/data/2", "/bin/sh", true, true},
		{"/bin", "/bin/sh", false, false},
		{"/usr/share", "/bin/sh", true, false},
		{"/data/3", "/bin/none", false, false},
		{"/data/4", "/bin/none", false, false},
		{"/data/5", "/bin", false, false},
	} {
		made, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sh"}, Network: "none", Labels: map[string]string{"ferry.test": "known"},
			Mounts: []engine.Mount{{Source: empty, Target: c.target, ReadOnly: true}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = made.Remove(context.WithoutCancel(t.Context())) })
		one := made.(*Container)
		if known := one.of.has(c.path); known != c.known {
			t.Errorf("%s beside a mount at %s is known: %v", c.path, c.target, known)
		}
		if has, err := made.Has(t.Context(), []string{c.path}); err != nil || has[c.path] != c.has {
			t.Errorf("%s beside a mount at %s: %v, %v", c.path, c.target, has, err)
		}
	}
}
