package wrapper_test

import (
	"testing"

	"github.com/genepattern/ferry/cause"
)

// A file of the metadata dir may be named as an input too, as a directory in it may.
func TestInputFileInsideMetadataDir(t *testing.T) {
	s := newRig(t)
	s.put("jobs/1/.gp_metadata/parameters.txt", "p\n")
	s.exec("cat /jobs/1/.gp_metadata/parameters.txt > r.txt")
	out, _ := s.runListed("input", "/jobs/1/.gp_metadata/parameters.txt")
	s.ended(out, 0, cause.None)
	if got := s.get("jobs/1/r.txt"); got != "p\n" {
		t.Errorf("the module saw %q", got)
	}
}
