package slurm_test

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/scheduler/slurm"
)

func TestGrace(t *testing.T) {
	in := map[string]string{"SLURM_JOB_ID": "7"}
	own := map[string]string{"SLURM_JOB_ID": "7", "SLURM_CONF": "/opt/slurm.conf"}
	for _, c := range []struct {
		about string
		env   map[string]string
		files map[string]string
		want  time.Duration // 0 for none
		from  string
	}{
		{"outside Slurm", nil, map[string]string{"/etc/slurm/slurm.conf": "KillWait=60\n"}, 0, ""},
		{"no configuration", in, nil, 0, ""},
		{"nothing said", in, map[string]string{"/etc/slurm/slurm.conf": "ClusterName=x\n#KillWait=90\n"}, 0, ""},
		{"said", in, map[string]string{"/etc/slurm/slurm.conf": "ClusterName=x\nKillWait=60 # seconds\n"}, 55 * time.Second, "/etc/slurm/slurm.conf"},
		{"said in another case, among others", in, map[string]string{"/run/slurm/conf/slurm.conf": "MinJobAge=1 killwait=30\n"}, 25 * time.Second, "/run/slurm/conf/slurm.conf"},
		{"the file that SLURM_CONF names comes first", own,
			map[string]string{"/etc/slurm/slurm.conf": "KillWait=60\n", "/opt/slurm.conf": "KillWait=120\n"}, 115 * time.Second, "/opt/slurm.conf"},
		{"next to nothing", in, map[string]string{"/etc/slurm/slurm.conf": "KillWait=5\n"}, time.Second, "/etc/slurm/slurm.conf"},
		{"no number", in, map[string]string{"/etc/slurm/slurm.conf": "KillWait=soon\n"}, 0, ""},
	} {
		got, from, ok := slurm.Grace(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok },
			func(name string) (io.ReadCloser, error) {
				if text, ok := c.files[name]; ok {
					return io.NopCloser(strings.NewReader(text)), nil
				}
				return nil, fs.ErrNotExist
			})
		if got != c.want || from != c.from || ok != (c.want != 0) {
			t.Errorf("%s: %v from %q (%v), want %v from %q", c.about, got, from, ok, c.want, c.from)
		}
	}
}
