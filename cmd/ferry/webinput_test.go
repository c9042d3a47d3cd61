package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/ftp/ftptest"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// webFiles serves contents by their names.
func webFiles(t *testing.T, contents map[string][]byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := contents[strings.TrimPrefix(r.URL.Path, "/")]
		switch user, password, _ := r.BasicAuth(); {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case strings.HasPrefix(r.URL.Path, "/private/") && (user != "ann" || password != "pass-hidden"):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
			http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(content))
		}
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// A job's inputs may be files of the web and of an FTP server. What opens them is in no log and no record.
func TestRunWebInputs(t *testing.T) {
	t.Parallel()
	srv := testenv.S3(t)
	jobFiles(t, srv)
	script := "wc -c < /db/genome.fa > /jobs/1/n; cat /db/ftp.txt /db/private.txt /in/a > /jobs/1/all\n"
	if err := os.WriteFile(filepath.Join(srv.Dir, "root/jobs/1/.gp_metadata/exec.sh"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	large := storetest.Bytes(5 << 20)
	host := webFiles(t, map[string][]byte{"genome.fa": large, "private/x": []byte("private\n")})
	archive := ftptest.Start(t, "by FTP\n", nil)
	args := func(digest []byte) []string {
		return []string{"--input", fmt.Sprintf("/db/genome.fa=http://%s/genome.fa?X-Signature=query-hidden#sha256=%x", host, digest),
			"--input", "/db/private.txt=http://ann:pass-hidden@" + host + "/private/x", "--input", "/db/ftp.txt=" + archive + "/" + ftptest.File}
	}
	sum := sha256.Sum256(large)
	code, stderr := storeJob(t, srv, args(sum[:])...)
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	work := filepath.Join(srv.Dir, "root/jobs/1")
	for name, want := range map[string]string{"n": fmt.Sprintln(len(large)), "all": "by FTP\nprivate\na"} {
		if got, err := os.ReadFile(filepath.Join(work, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	said := stderr
	err := filepath.WalkDir(work, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b, bad := os.ReadFile(p)
			said, err = said+string(b), bad
		}
		return err
	})
	if err != nil || strings.Contains(said, "-hidden") || !strings.Contains(said, `"cause": ""`) {
		t.Errorf("%v: %s", err, said)
	}
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{args(make([]byte, 32)), 65, []string{"/db/genome.fa", "content does not match the digest in its URL"}},
		{[]string{"--input", "/db/x=http://" + host + "/none"}, 65, []string{"staging in /db/x", "no such object"}},
		{[]string{"--input", "/db/x=http://ann:wrong-hidden@" + host + "/private/x"}, 65, []string{"staging in /db/x", "HTTP 401", "USER:PASSWORD@HOST"}},
		{[]string{"--input", "/db/x=http://169.254.169.254/latest/meta-data"}, 65, []string{"staging in /db/x", "no URL of a user may lead to an address"}},
		{[]string{"--library", "/lib=http://" + host + "/genome.fa"}, 65, []string{"/lib", "gives one file a URL, and no directories"}},
		{[]string{"--input", "/db/x=http://ann:hidden@" + host + "/genome.fa#sha25=00"}, 64, []string{"which is no digest"}},
		{[]string{"--remote", "https://ann:hidden@" + host + "/root"}, 64, []string{"cannot be listed"}},
	} {
		code, stderr := storeJob(t, srv, c.args...)
		for _, want := range c.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%v: no %q in %s", c.args, want, stderr)
			}
		}
		if code != c.code || strings.Contains(stderr, "hidden") {
			t.Errorf("%v: %d, %s", c.args, code, stderr)
		}
	}
}
