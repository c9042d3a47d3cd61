package main

import (
	"archive/zip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A module's own URLs lead neither to the address of a node's credentials, as they are or by a redirect, nor to files of whoever runs it.
func TestModuleNamesWhatIsPrivate(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "id_rsa")
	if err := os.WriteFile(secret, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list":
			_, _ = fmt.Fprintf(w, `[{"label": "Human", "url": "file://%s"}, {"label": "Mouse", "url": "%[1]s"}, {"label": "Fly", "url": "s3://private/x"}]`, secret)
		default:
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/security-credentials/role", http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		param string
		given []string
		code  int
		says  string
	}{
		"credentials":                {"p1_default_value=http://169.254.169.254/latest/meta-data/", nil, 65, "credentials"},
		"credentials by FTP":         {"p1_default_value=ftp://169.254.170.2/x", nil, 65, "credentials"},
		"credentials by a redirect":  {"p1_default_value=" + server.URL + "/away", nil, 65, "credentials"},
		"credentials in a list":      {"p1_choiceDir=http://169.254.169.254/list", []string{"-p", "f=Human"}, 64, "credentials"},
		"a file":                     {"p1_default_value=" + secret, nil, 64, "may be private"},
		"a file that a server names": {"p1_choiceDir=" + server.URL + "/list", []string{"-p", "f=Human"}, 66, "may be private"},
		"a path that a server names": {"p1_choiceDir=" + server.URL + "/list", []string{"-p", "f=Mouse"}, 66, "may be private"},
		"an object":                  {"p1_choiceDir=" + server.URL + "/list", []string{"-p", "f=Fly"}, 66, "may be private"},
		"a directory's file":         {"p1_choiceDir=" + filepath.Dir(secret), []string{"-p", "f=id_rsa"}, 66, "may be private"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			packed := filepath.Join(dir, "Evil.zip")
			f, err := os.Create(packed)
			if err != nil {
				t.Fatal(err)
			}
			z := zip.NewWriter(f)
			w, err := z.Create("manifest")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(w, "name=Evil\ncommandLine=cat <f>\njob.docker.image=ferry-test/none\np1_name=f\np1_TYPE=FILE\np1_MODE=IN\np1_type=java.io.File\n%s\n", c.param)
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			job := filepath.Join(dir, "job")
			_, stderr, code := ferry(t, []string{"HOME=" + dir}, append([]string{"module", "run", packed, "--workdir", job}, c.given...)...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("%d: %s", code, stderr)
			}
			_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
				if b, _ := os.ReadFile(p); err == nil && string(b) == "private" {
					t.Errorf("the private file is at %s", p)
				}
				return nil
			})
		})
	}
}
