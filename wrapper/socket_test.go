package wrapper_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// TestEngineSocketMounted has jobs that mount the engine's socket, alone, in a directory or by a link.
func TestEngineSocketMounted(t *testing.T) {
	image, link := testenv.ModuleImage(t), filepath.Join(t.TempDir(), "link")
	socket := strings.TrimPrefix(testenv.Docker(t), "unix://")
	if err := os.Symlink(filepath.Dir(socket), link); err != nil {
		t.Fatal(err)
	}
	for _, mount := range []string{
		socket + ":/s", filepath.Dir(socket) + ":/s:ro", "/var/run:/s", "/run:/s:rw", link + ":/s", "/run/containerd/containerd.sock:/s",
	} {
		t.Run(mount, func(t *testing.T) {
			s := newRig(t)
			s.exec("echo ran > r.txt")
			out := s.run(s.job(image, "mount", mount))
			if r := s.ended(out, 66, cause.Refused); !strings.Contains(r.Error, "--mount") || r.Hint == "" {
				t.Errorf("%q, hint %q", r.Error, r.Hint)
			}
		})
	}
	t.Run("a directory beside it", func(t *testing.T) {
		s := newRig(t)
		s.exec("cp /s/data r.txt")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "data"), []byte("data"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.ended(s.run(s.job(image, "mount", dir+":/s")), 0, cause.None)
		if got := s.get("jobs/1/r.txt"); got != "data" {
			t.Errorf("%q", got)
		}
	})
}
