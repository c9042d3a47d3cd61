package enginetest

import (
	"context"
	"errors"
	"testing"

	"github.com/genepattern/ferry/engine"
)

func testInfo(ctx context.Context, t *testing.T, h Harness) {
	info, err := h.Engine.Info(ctx)
	if err != nil || info.Name == "" {
		t.Fatalf("Info: %+v, %v", info, err)
	}
}

func testImagePresent(ctx context.Context, t *testing.T, h Harness) {
	login := func(context.Context, string) (string, string, error) {
		t.Error("an image that is present was looked for in a registry")
		return "", "", nil
	}
	img, err := h.Engine.Image(ctx, h.Image, login)
	if err != nil || img.Ref != h.Image || img.ID == "" {
		t.Fatalf("Image: %+v, %v", img, err)
	}
	again, err := h.Engine.Image(ctx, h.Image, nil)
	if err != nil || again.ID != img.ID {
		t.Fatalf("Image again: %+v, %v", again, err)
	}
}

func testImageAbsent(ctx context.Context, t *testing.T, h Harness) {
	if h.Missing == "" {
		return
	}
	if _, err := h.Engine.Image(ctx, h.Missing, nil); !errors.Is(err, engine.ErrNoImage) {
		t.Fatalf("Image(%q): %v, want ErrNoImage", h.Missing, err)
	}
}

func testHas(ctx context.Context, t *testing.T, h Harness) {
	c := h.create(ctx, t, nil, "/bin/sh", "-c", "true")
	has, err := c.Has(ctx, []string{"/bin/sh", "/none/such", "/bin/none such", "/bin"})
	if err != nil {
		t.Fatal(err)
	}
	if !has["/bin/sh"] || has["/none/such"] || has["/bin/none such"] || has["/bin"] {
		t.Errorf("Has: %v", has)
	}
}
