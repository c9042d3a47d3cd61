package wrapper_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
)

// TestFrozenAsStagedIn has a job change its code and its library in many ways. The frozen image has them as they were, and the record says
// what was changed.
func TestFrozenAsStagedIn(t *testing.T) {
	for _, c := range []struct{ name, stage, changes, named string }{
		{"rewrites", job.PlaceMount, "echo evil >/gp/tasklib/code.sh", "/gp/tasklib/code.sh"},
		{"rewrites with the old size and time", job.PlaceMount, `t=$(stat -c %Y /gp/tasklib/code.sh); printf '#!/bin/sh\necho evil\n' >/gp/tasklib/code.sh; touch -d @$t /gp/tasklib/code.sh`, "/gp/tasklib/code.sh"},
		{"adds", job.PlaceMount, "echo evil >/gp/lib/deep/more.txt", "/gp/lib/deep/more.txt"},
		{"removes", job.PlaceMount, "rm /gp/lib/deep/lib.txt", "/gp/lib/deep"},
		{"replaces by a link", job.PlaceMount, "rm /gp/tasklib/code.sh; ln -s /etc/passwd /gp/tasklib/code.sh", "/gp/tasklib"},
		{"changes a mode", job.PlaceMount, "chmod 4777 /gp/tasklib/code.sh", "/gp/tasklib/code.sh"},
		{"empties all", job.PlaceMount, "rm -rf /gp/tasklib/* /gp/lib/*", "/gp/tasklib"},
		{"copied", job.PlaceCopy, "echo evil >/gp/tasklib/code.sh", ""},
		{"nothing", job.PlaceMount, "cat /gp/tasklib/code.sh", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, r := newRig(t), registrytest.Start(t, registrytest.Options{})
			s.module()
			s.exec("set -e", c.changes)
			s.ended(s.freezing(s.job(testenv.ModuleImage(t), append([]string{"stage", c.stage, "freeze", r.Host + "/frozen/mod:1"}, moduleSettings...)...)), 0, cause.None)
			rec := s.record()
			if rec.Freeze == nil || rec.Freeze.Outcome != commit.OutcomePushed {
				t.Fatalf("%+v", rec.Freeze)
			}
			t.Cleanup(func() { _ = s.engine.Images().RemoveImage(context.Background(), rec.Freeze.Reference) })
			img := r.Image(t, "frozen/mod", "1")
			files := img.Layers[len(img.Layers)-1].Files
			if string(files["gp/tasklib/code.sh"].Body) != "#!/bin/sh\necho code\n" || string(files["gp/lib/deep/lib.txt"].Body) != "library" {
				t.Errorf("the image has %q, %q", files["gp/tasklib/code.sh"].Body, files["gp/lib/deep/lib.txt"].Body)
			}
			if _, more := files["gp/lib/deep/more.txt"]; more {
				t.Error("what the module added is in the image")
			}
			if c.named == "" {
				if len(rec.Freeze.Changed) > 0 {
					t.Errorf("changed: %q", rec.Freeze.Changed)
				}
				return
			}
			if !slices.Contains(rec.Freeze.Changed, c.named) || !strings.Contains(strings.Join(rec.Warnings, "\n"), c.named) {
				t.Errorf("changed: %q, warnings %q", rec.Freeze.Changed, rec.Warnings)
			}
		})
	}
}
