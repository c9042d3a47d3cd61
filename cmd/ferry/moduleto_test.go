package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

const elsewhereManifest = `name=Else
LSID=urn\:lsid\:test\:module\:5\:1
commandLine=sh <libdir>run.sh <in> <far> <text>
p1_name=in
p1_type=java.io.File
p1_numValues=1+
p2_name=far
p2_type=java.io.File
p3_name=text
`

// A module on a scheduler, with files of this machine and of the web: its output, its results and its code come back.
func elsewhere(t *testing.T, s submitter, flags ...string) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("from the web\n")) }))
	t.Cleanup(web.Close)
	for name, text := range map[string]string{"modules/Else/manifest": elsewhereManifest, "a b.txt": "one\n", "c.txt": "two\n",
		"modules/Else/run.sh": "echo said; echo complained >&2\n{ while read -r f; do cat \"$f\"; done < \"$1\"; cat \"$2\"; echo \"$3\"; } > out.txt\nexit 3\n"} {
		p := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const odd = "it's $HOME \"x\" * \\ ;"
	run := append([]string{"module", "run", "modules/Else", "-p", "in=a b.txt", "-p", "in=c.txt", "-p", "far=" + web.URL + "/f.txt", "-p", "text=" + odd}, flags...)
	out, errs, code := s.run(append(run, "--wait")...)
	if code != 3 || out != "said\n" || !strings.Contains(errs, "complained\n") {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	if got, want := s.file("Else/out.txt"), "one\ntwo\nfrom the web\n"+odd+"\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := s.file("Else/stdout.txt"); got != "said\n" {
		t.Errorf("stdout.txt: %q", got)
	}
	out, errs, code = s.run(append(run, "--json")...)
	var st struct{ Handle, State string }
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 {
		t.Fatalf("code %d, %v, %q, %q", code, err, out, errs)
	}
	if !strings.HasSuffix(st.Handle, "/Else.2/.gp_metadata") {
		t.Errorf("the second run is at %s", st.Handle)
	}
	s.until(st.Handle, "failed")
	if out, errs, _ := s.run("logs", st.Handle); out != "said\n" || errs != "complained\n" {
		t.Errorf("its logs: %q, %q", out, errs)
	}
}

func TestModuleToBatch(t *testing.T) {
	s, flags := onBatch(t)
	elsewhere(t, s, flags...)
}

func TestModuleToSlurm(t *testing.T) {
	elsewhere(t, onSlurm(t), "--to", "slurm:main", "--image", testenv.ModuleImage(t))
}
