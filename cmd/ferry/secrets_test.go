package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// TestSecretsStaySecret runs a job with secrets of each kind, by the binary and in a real container, and looks for them wherever others
// look: what ferry says at its most talkative, its plan, all that it stores, the command lines of all processes, what the module's own
// process has, and what the engine tells of containers.
func TestSecretsStaySecret(t *testing.T) {
	srv := testenv.S3(t)
	image, dir := testenv.ModuleImage(t), t.TempDir()
	job := fmt.Sprint("secrets-", os.Getpid())
	secrets := map[string]string{
		"the registry's password": "hush-registry", "a URL's password": "hush-url", "a URL's query": "hush-query", "a proxy's password": "hush-proxy",
		"a variable of ferry's": "hush-ferry", "the key": srv.SecretKey, "a variable of the module's": "hush-module",
	}
	password := filepath.Join(dir, "password")
	script := "wget -O /jobs/1/got 'http://ann:hush-url@127.0.0.1:9/f?token=hush-query' || true\nwget -O /jobs/1/got 'http://ann:hush-url@[bad/f?token=hush-query' || true\n"
	plain := "wget -O /jobs/1/got 'http://ann:hush-url@127.0.0.1:9/f?token=hush-query' || true\n"
	put := func(name, text string) {
		t.Helper()
		p := filepath.Join(srv.Dir, "root", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(password, []byte("hush-registry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	put("jobs/1/.gp_metadata/bad.sh", script)
	put("jobs/1/.gp_metadata/get.sh", plain)
	put("jobs/1/.gp_metadata/exec.sh", "tr '\\0' '\\n' < /proc/1/environ > environ; tr '\\0' ' ' < /proc/1/cmdline > cmdline\ntouch begun; for i in $(seq 600); do [ -e go ] && exit 0; sleep 0.1; done; exit 9\n")
	prefix := filepath.Join(dir, "local")
	command := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		all := append([]string{"--log-level", "debug", "run", "--remote", "s3://" + srv.Bucket + "/root", "--image", image, "--local-prefix", prefix, "--workdir", "/jobs/1", "--job-id", job,
			"--network", "none", "--env", "TOKEN", "--registry", "registry.example.org", "--registry-user", "ann", "--registry-password-file", password}, args...)
		cmd := exec.CommandContext(t.Context(), testenv.FerryBinary(t), all...)
		cmd.Env = testenv.Environ(append(srv.Env(), "DOCKER_HOST="+testenv.Docker(t), "AWS_EC2_METADATA_DISABLED=true", "TOKEN=hush-module", "FERRY_USER_ID=ann", "OWN=hush-ferry",
			"HTTPS_PROXY=http://ann:hush-proxy@127.0.0.1:9", "NO_PROXY=127.0.0.1,localhost")...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd, &out
	}
	look := func(where, text string, but ...string) {
		t.Helper()
		for name, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 && (len(but) == 0 || but[0] != name) {
				t.Errorf("%s has %s: …%s…", where, name, text[max(0, i-80):min(len(text), i+40)])
			}
		}
	}
	plan, planned := command("--dry-run", "--sync-script", "get.sh")
	if err := plan.Run(); err != nil || !strings.Contains(planned.String(), image) {
		t.Fatalf("%v: %s", err, planned)
	}
	look("the plan", planned.String())
	bad, said := command("--sync-script", "bad.sh")
	if err := bad.Run(); err == nil || !strings.Contains(said.String(), "no URL") {
		t.Fatalf("%v: %s", err, said)
	}
	look("the log of a refused job", said.String())

	run, said := command("--sync-script", "get.sh")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	work := filepath.Join(prefix, job+".1", "jobs/1")
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(work, "begun")); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the job ended: %v\n%s", err, said)
		default:
		}
		if time.Now().After(until) {
			t.Fatal("the module does not begin")
		}
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range lines {
		text, _ := os.ReadFile(name) // a process may be gone
		if strings.Contains(string(text), job) {
			seen++
			look(name, string(text))
			continue
		}
		look(name, string(text), "the key") // a test's server may be told it so
	}
	if seen == 0 {
		t.Error("no process is ferry's")
	}
	ids := strings.Fields(testenv.DockerCommand(t, nil, "ps", "--quiet", "--no-trunc", "--filter", "label=ferry.job="+job))
	if len(ids) != 1 {
		t.Errorf("the engine has the containers %q", ids)
	}
	for _, id := range ids {
		look("the container", testenv.DockerCommand(t, nil, "inspect", id), "a variable of the module's")
		look("the container's processes", testenv.DockerCommand(t, nil, "top", id))
	}
	if err := os.WriteFile(filepath.Join(work, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	look("ferry's output", said.String())
	var stored []string
	err = filepath.WalkDir(filepath.Join(srv.Dir, "root"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".sh") {
			return err
		}
		b, err := os.ReadFile(p)
		stored = append(stored, d.Name())
		if d.Name() == "environ" { // of the module
			look(p, string(b), "a variable of the module's")
			return err
		}
		look(p, string(b))
		return err
	})
	for _, want := range []string{"run.json", "transfer.log", "exit_code.txt", "environ", "cmdline"} {
		if !strings.Contains(strings.Join(stored, " "), want) {
			t.Errorf("%v: of %q %s is missing", err, stored, want)
		}
	}
}
