package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/docker/remotetest"
	"github.com/genepattern/ferry/internal/testenv"
)

// TestRunOnRemoteEngine runs a job with --stage copy on an engine behind TLS and one behind SSH.
func TestRunOnRemoteEngine(t *testing.T) {
	t.Parallel()
	front, sshd := remotetest.StartTLS(t), remotetest.StartSSH(t)
	for name, env := range map[string][]string{
		"tls": {"DOCKER_HOST=" + front.Host, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + front.Certs},
		"ssh": {"DOCKER_HOST=" + sshd.Host, "HOME=" + sshd.Home},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := t.TempDir()
			put := func(name, text string) {
				t.Helper()
				p := filepath.Join(store, name)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			put("jobs/1/.gp_metadata/exec.sh", "cat /in/data.txt >result\necho said\n")
			put("in/data.txt", "input")
			args := []string{"run", "--remote", store, "--image", testenv.ModuleImage(t), "--workdir", "/jobs/1", "--input", "/in",
				"--local-prefix", filepath.Join(t.TempDir(), "local"), "--network", "none"}
			if _, stderr, code := ferry(t, env, args...); code != cause.Usage.Code() || !strings.Contains(stderr, "hint: use --stage copy") {
				t.Errorf("with mounts: %d, %s", code, stderr)
			}
			stdout, stderr, code := ferry(t, env, append(args, "--stage", "copy")...)
			got, _ := os.ReadFile(filepath.Join(store, "jobs/1/result"))
			if code != 0 || string(got) != "input" || stdout != "module | said\n" {
				t.Errorf("%d, %q, %q: %s", code, got, stdout, stderr)
			}
		})
	}
}
