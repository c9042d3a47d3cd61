package wrapper_test

import (
	"os"
	"strings"
	"testing"

	"github.com/genepattern/ferry/engine/process"
	"github.com/genepattern/ferry/wrapper"
)

// An engine whose containers cannot be copied into refuses --stage copy without a panic, and the logs reach the store.
func TestStageCopyWithAnEngineThatCannot(t *testing.T) {
	s := newRig(t)
	dir := t.TempDir() + "/jobs"
	s.put(dir+"/.gp_metadata/exec.sh", "true\n")
	d := s.deps()
	d.Engine = process.New(os.Environ())
	out := wrapper.Run(t.Context(), t.Context(), s.here(dir, "stage", "copy"), d)
	s.nothingLeft()
	if out.Code != 64 {
		t.Errorf("%+v", out)
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Error("something panicked")
	}
	if got := s.get(dir + "/.gp_metadata/stderr.txt"); !strings.Contains(got, "cannot be copied into") {
		t.Errorf("stderr.txt in the store is %q", got)
	}
	if r := s.parse(s.get(dir + "/.gp_metadata/run.json")); len(r.Warnings) > 0 {
		t.Errorf("warnings %q", r.Warnings)
	}
}
