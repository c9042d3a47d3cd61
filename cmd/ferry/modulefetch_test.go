package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/ftp/ftptest"
	"github.com/genepattern/ferry/internal/testenv"
)

const urlManifest = `name=Urls
commandLine=sh <libdir>run.sh <in> <in_file> <link> <dyn> \\> out.txt
job.docker.image=%s
p1_name=in
p1_type=java.io.File
p2_name=link
p2_type=java.io.File
p2_url=on
p2_optional=on
p3_name=dyn
p3_type=java.io.File
p3_choiceDir=%s/choices.json
p3_optional=on
`

// TestModuleAtURL runs a module whose zip and inputs are all at URLs.
func TestModuleAtURL(t *testing.T) {
	t.Parallel()
	image := testenv.ModuleImage(t)
	var busy atomic.Int32
	var packed atomic.Pointer[[]byte] // made once the server's address is known
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/modules/Urls.zip":
			_, _ = w.Write(*packed.Load())
		case "/download":
			w.Header().Set("Content-Disposition", `attachment; filename="../up/s 1.gct"`)
			_, _ = fmt.Fprint(w, "named by the server\n")
		case "/a b.txt":
			if busy.Add(1) == 1 {
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
			_, _ = fmt.Fprint(w, "a chosen one\n")
		case "/named/2", "/named/x/a", "/named/y/a", "/named/.fetched", "/named/z/2":
		case "/choices.json":
			_, _ = fmt.Fprintf(w, `[{"label": "Human", "url": "http://%s/a%%20b.txt"}, {"label": "Mouse", "url": "http://%[1]s/none"}]`, r.Host)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range map[string]string{"manifest": fmt.Sprintf(urlManifest, image, server.URL), "run.sh": "cat \"$1\"; echo \"$2\"; echo \"$3\"; cat \"$4\"; echo \"$4\"\n"} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	zipped := buf.Bytes()
	packed.Store(&zipped)
	work := filepath.Join(t.TempDir(), "job")
	env := []string{"DOCKER_HOST=" + testenv.Docker(t), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}
	run := func(args ...string) (string, string, int) {
		return ferry(t, env, append([]string{"module", "run", server.URL + "/modules/Urls.zip", "--workdir", work, "--network", "none", "--json"}, args...)...)
	}
	stdout, stderr, code := run("-p", "in="+server.URL+"/download?id=7", "-p", "link="+server.URL+"/x", "-p", "dyn=Human")
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	got, _ := os.ReadFile(filepath.Join(work, "out.txt"))
	want := "named by the server\ns 1.gct\n" + server.URL + "/x\na chosen one\n" + work + "/.gp_metadata/inputs/a b.txt\n"
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var d struct {
		Results []string `json:"results"`
	}
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || !slices.Equal(d.Results, []string{"out.txt"}) {
		t.Errorf("%s (%v)", stdout, err)
	}
	archive := ftptest.Start(t, "by FTP\n", nil)
	if _, stderr, code := run("-p", "in="+archive+"/"+strings.ReplaceAll(ftptest.File, " ", "%20")); code != 0 {
		t.Errorf("FTP: %d: %s", code, stderr)
	}
	if got, _ := os.ReadFile(filepath.Join(work, "out.txt")); !strings.HasPrefix(string(got), "by FTP\nall aml.gct\n") {
		t.Errorf("FTP: %q", got)
	}
	for _, c := range [][2]string{
		{"in=" + server.URL + "/none", "/none\": no such object: HTTP 404"},
		{"dyn=Rat", "dyn: Rat is none of Human, Mouse"},
		{"in=" + archive + "/none", "/none\": no such object: 550"},
	} {
		args := []string{"-p", c[0]}
		if !strings.HasPrefix(c[0], "in=") {
			args = append(args, "-p", "in="+server.URL+"/download")
		}
		_, stderr, code := run(args...)
		if code == 0 || !strings.Contains(stderr, c[1]) {
			t.Errorf("%s: %d, %s", c[0], code, stderr)
		}
	}
	// Files whose names are those of ferry's own directories, and several of one name.
	many := filepath.Join(t.TempDir(), "manifest")
	if err := os.WriteFile(many, fmt.Appendf(nil, "name=Many\ncommandLine=cat <in>\njob.docker.image=%s\np1_name=in\np1_type=java.io.File\np1_numValues=0+\n", image), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"module", "run", filepath.Dir(many), "--workdir", work, "--network", "none"}
	for _, name := range []string{"2", "x/a", "y/a", ".fetched", "z/2"} {
		names = append(names, "-p", "in="+server.URL+"/named/"+name)
	}
	inputs := work + "/.gp_metadata/inputs/"
	stdout, stderr, code = ferry(t, env, names...)
	if want := strings.Join([]string{"1/2", "a", "2/a", "1/.fetched", "2/2", ""}, "\n"); code != 0 || strings.ReplaceAll(stdout, inputs, "") != want {
		t.Errorf("%d: %s\n%s", code, stdout, stderr)
	}
	if left, err := filepath.Glob(filepath.Join(work, ".gp_metadata/inputs/.fetched*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Inputs in S3, and choices that are the files of a directory there or on an FTP server.
func TestModuleInputsInS3(t *testing.T) {
	t.Parallel()
	s3, archive := testenv.S3(t), ftptest.Start(t, "by FTP\n", nil)
	for key, text := range map[string]string{"data/s 1+é.gct": "in S3\n", "data/deeper/no.gct": "", "database/no.gct": ""} {
		if _, err := s3.Client().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &s3.Bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	manifest := fmt.Sprintf("name=Far\ncommandLine=sh <libdir>run.sh <in> <here> <there> \\\\> out.txt\njob.docker.image=%s\n"+
		"p1_name=in\np1_type=java.io.File\np2_name=here\np2_type=java.io.File\np2_optional=on\np2_choiceDir=s3\\://%s/data\n"+
		"p3_name=there\np3_type=java.io.File\np3_optional=on\np3_choiceDir=%s/pub/\n", testenv.ModuleImage(t), s3.Bucket, strings.Replace(archive, ":", "\\:", 1))
	for name, text := range map[string]string{"manifest": manifest, "run.sh": "for f in \"$@\"; do cat \"$f\"; echo \"${f##*/}\"; done\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := append(s3.Env(), "DOCKER_HOST="+testenv.Docker(t), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	work := filepath.Join(t.TempDir(), "job")
	run := func(args ...string) (string, string, int) {
		return ferry(t, env, append([]string{"module", "run", dir, "--workdir", work, "--network", "none"}, args...)...)
	}
	in := "in=s3://" + s3.Bucket + "/data/s 1+é.gct"
	if _, stderr, code := run("-p", in, "-p", "here=s3://"+s3.Bucket+"/data/s 1+é.gct", "-p", "there=all aml.gct"); code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	got, err := os.ReadFile(filepath.Join(work, "out.txt"))
	if want := "in S3\ns 1+é.gct\nin S3\ns 1+é.gct\nby FTP\nall aml.gct\n"; err != nil || string(got) != want {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
	for _, c := range [][2]string{
		{in + "x", "s 1+é.gctx"},
		{"here=no.gct", "here: no.gct is none of s 1+é.gct"},
		{"here=s 1+é.gct", "leads to s3://" + s3.Bucket + "/data/s 1+é.gct, which may be private"}, // a module names it, not the person
		{"there=none.gct", "there: none.gct is none of all aml.gct"},
	} {
		args := []string{"-p", c[0]}
		if !strings.HasPrefix(c[0], "in=") {
			args = append(args, "-p", in)
		}
		if _, stderr, code := run(args...); code == 0 || !strings.Contains(stderr, c[1]) {
			t.Errorf("%s: %d, %s", c[0], code, stderr)
		}
	}
}

// Each of the zips that a person may be sent, by the whole program: one line that says what is wrong, and nothing left.
func TestBadModules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save := func(name string, entries ...[2]string) string {
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		for _, e := range entries {
			f, err := z.Create(e[0])
			if err == nil {
				_, err = f.Write([]byte(e[1]))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := [2]string{"manifest", "name=Demo\ncommandLine=run <a>\np1_name=a\np1_optional=on\n"}
	home := t.TempDir()
	for want, path := range map[string]string{
		`its entry "../x" leads out of it`:         save("up.zip", good, [2]string{"../x", ""}),
		"it has no manifest at its top":            save("none.zip", [2]string{"a", ""}),
		"it has two manifests":                     save("two.zip", good, good),
		`manifest, line 2: \u12: four hexadecimal`: save("escape.zip", [2]string{"manifest", "name=x\na=\\u12"}),
		"nobody knows <inputfile>":                 save("unknown.zip", [2]string{"manifest", "name=x\ncommandLine=run <inputfile>"}),
		`the quote before "open" does not end`:     save("quote.zip", [2]string{"manifest", "name=x\ncommandLine=run \"open"}),
		"two parameters are called a":              save("twice.zip", [2]string{"manifest", "name=x\ncommandLine=run\np1_name=a\np2_name=a"}),
	} {
		_, stderr, code := ferry(t, []string{"HOME=" + home}, "module", "run", path, "--workdir", filepath.Join(dir, "job"))
		if code != 64 || !strings.Contains(stderr, want) || strings.Count(stderr, "ferry: ") != 1 {
			t.Errorf("%d, %s\nwant %s", code, stderr, want)
		}
	}
	stdout, stderr, code := ferry(t, []string{"HOME=" + home}, "module", "show", save("lsid.zip", [2]string{"manifest", "name=x\ncommandLine=run\nLSID=urn:lsid"}))
	if code != 0 || !strings.Contains(stdout, `note       LSID "urn:lsid" is none`) {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	if left, _ := os.ReadDir(home); len(left) > 0 || fileExists(filepath.Join(dir, "job")) {
		t.Errorf("left: %v", left)
	}
}
