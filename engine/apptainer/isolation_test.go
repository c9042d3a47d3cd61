package apptainer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/internal/testenv"
)

// TestUnprivilegedModule looks at what a module has, and can do.
func TestUnprivilegedModule(t *testing.T) {
	t.Setenv("FERRY_SECRET", "hush")
	t.Setenv("APPTAINERENV_OTHER", "hush")
	t.Setenv("APPTAINER_BIND", "/usr/share:/mnt")
	dir := filepath.Join(userDir(t), "isolated")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e := apptainer.New(config(t, dir))
	img, err := e.Image(ctx, "docker-archive:"+testenv.ModuleArchive(t, dir, testenv.Bash), nil)
	if err != nil {
		t.Fatal(err)
	}
	value := "line 1\nline 2 `id` $(id) \\ \"'"
	exit, out := run(ctx, t, e, engine.Spec{Image: img, Env: []string{"GIVEN=" + value}, Network: "none", Command: []string{"/bin/sh", "-c", `
		cat /proc/self/status; env; ls /mnt /root "$HOME"; printf '<%s>' "$GIVEN"
		touch /written "$HOME/x" /tmp/x /var/tmp/x && echo writable
		ls ` + dir + ` 2>/dev/null && echo sees; exit 7`}})
	if exit.Code != 7 {
		t.Fatalf("%+v\n%s", exit, out)
	}
	for _, want := range []string{"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "<" + value + ">", "writable"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	for _, not := range []string{"hush", "sees", "FERRY_", dir + "/home"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is in %s", not, out)
		}
	}
	// What one wrote, no other sees.
	if exit, out := run(ctx, t, e, engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "ls /written /tmp/x /var/tmp/x"}}); exit.Code == 0 {
		t.Errorf("the next module sees %q", out)
	}
	if _, err := e.Create(ctx, engine.Spec{Image: img, Command: []string{"/bin/sh"}, CapAdd: []string{"SYS_PTRACE"}}); !errors.Is(err, engine.ErrLaunch) {
		t.Errorf("a capability: %v", err)
	}
}

// TestUnprivilegedNothingThere says what is missing, and how to get it.
func TestUnprivilegedNothingThere(t *testing.T) {
	e := apptainer.New(apptainer.Config{Path: t.TempDir(), Cache: t.TempDir(), Dir: t.TempDir()})
	_, err := e.Info(t.Context())
	if !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(cause.HintOf(cause.Name(t.Context(), cause.Engine, "", err)), "install") {
		t.Errorf("%v", err)
	}
	if _, err := e.Image(t.Context(), "debian:12", nil); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// TestUnprivilegedForeignDirectory refuses a place that somebody else has made for this user.
func TestUnprivilegedForeignDirectory(t *testing.T) {
	dir := filepath.Join(userDir(t), "foreign")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := config(t, dir)
	c.Dir = "/usr" // root's, or a directory that this user cannot write
	e := apptainer.New(c)
	if os.Geteuid() == 0 {
		c.Dir = filepath.Join(dir, "theirs")
		if err := os.Mkdir(c.Dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(c.Dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		e = apptainer.New(c)
	}
	img, err := apptainer.New(config(t, dir)).Image(t.Context(), "docker-archive:"+testenv.ModuleArchive(t, dir, testenv.Sh), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sh"}}); err == nil {
		t.Error("another's directory was taken")
	}
}
