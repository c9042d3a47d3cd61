package wrapper_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// In place the logs lie where the module can change them. A module that removes its logs, after it has written much into them or made them huge, gets them restored: all that ferry wrote,
// without reading it whole, and no byte of a hole.
func TestRestoredLogs(t *testing.T) {
	for about, c := range map[string]struct {
		do   string
		want string // the end of dockerout.log
		size int64  // of it at least
	}{
		"long":                     {"i=0; while [ $i -lt 20000 ]; do echo 'a line of some length, many times over and over again'; i=$((i+1)); done; echo the end; sleep 1; rm .gp_metadata/docker*.log", "the end\n", 1 << 20},
		"with a hole before it":    {"echo begun; truncate -s 50G .gp_metadata/dockerout.log; echo the end; sleep 1; rm .gp_metadata/dockerout.log", "begun\nthe end\n", 0},
		"with a hole at its end":   {"echo the end; sleep 1; truncate -s 50G .gp_metadata/dockerout.log; rm .gp_metadata/dockerout.log", "the end\n", 0},
		"cut off, and then longer": {"echo begun; sleep 1; : > .gp_metadata/dockerout.log; echo the end; sleep 1; rm .gp_metadata/dockerout.log", "the end\n", 0},
	} {
		t.Run(about, func(t *testing.T) {
			s := newInPlace(t)
			s.exec("cd "+s.top+"/jobs/1", c.do, "echo x > r.txt")
			out := s.run(s.job(testenv.ModuleImage(t)))
			if out.Code != 0 {
				t.Errorf("%+v", out)
			}
			st, err := os.Stat(filepath.Join(s.store, "jobs/1/.gp_metadata/dockerout.log"))
			if err != nil {
				t.Fatal(err)
			}
			if st.Size() < c.size || st.Size() > 4<<20 {
				t.Fatalf("dockerout.log has %d bytes", st.Size())
			}
			if text := s.meta("dockerout.log"); !strings.HasSuffix(text, c.want) || strings.Contains(text, "\x00") {
				t.Errorf("dockerout.log ends with %q", text[max(0, len(text)-100):])
			}
		})
	}
}
