package apptainer_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// config is of an engine that keeps everything below dir.
func config(t testing.TB, dir string) apptainer.Config {
	t.Helper()
	path := testenv.Apptainer(t)
	return apptainer.Config{Path: path + ":" + os.Getenv("PATH"), Home: dir, Cache: filepath.Join(dir, "cache"), Dir: filepath.Join(dir, "node")}
}

// asUser is set in the test process that runs as an ordinary user. It names that user's directory.
const asUser = "FERRY_TEST_AS_USER"

// userDir is where a test keeps its files: the user's directory, or one of its own.
func userDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(asUser); dir != "" {
		return dir
	}
	return t.TempDir()
}

func TestConformance(t *testing.T) {
	dir := userDir(t)
	registry := testRegistry(t)
	enginetest.Run(t, enginetest.Harness{
		Engine: apptainer.New(config(t, dir)), Image: "docker-archive:" + testenv.ModuleArchive(t, dir, testenv.Bash), Missing: registry + "/none/such:1",
		Label:    fmt.Sprintf("apptainer-%d-%d", os.Getpid(), time.Now().UnixNano()),
		Isolated: true, Mounts: true,
	})
}

// testRegistry is a registry that answers, without TLS.
func testRegistry(t testing.TB) string {
	t.Helper()
	_, err := lab.RegistryProgram()
	testenv.Require(t, err == nil, "docker-registry; scripts/registry.sh installs it")
	r, err := lab.StartRegistry(t.TempDir(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r.Addr
}

// nobody is a user that every system has.
const nobody = 65534

// TestAsUser runs the tests of this package as an ordinary user, where they run as root. Such a user can mount no SIF file here and make
// no control groups, so that other ways are taken.
func TestAsUser(t *testing.T) {
	if os.Getenv(asUser) != "" {
		return
	}
	testenv.Require(t, os.Geteuid() == 0, "root, to become another user")
	program := testenv.Apptainer(t)
	testenv.Require(t, reachable(program), "a repository that other users can get to")
	dir, err := os.MkdirTemp("", "ferry-apptainer-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	test := filepath.Join(dir, "test")
	for _, err := range []error{
		lab.CopyFile(test, exe, 0o755), os.Mkdir(filepath.Join(dir, "home"), 0o755),
		os.Chown(filepath.Join(dir, "home"), nobody, nobody), os.Chmod(dir, 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, test, "-test.v", "-test.run", "^(TestConformance|TestOutlived|TestUnprivileged|TestSource|TestCache|TestUser)")
	cmd.Dir = filepath.Join(dir, "home")
	cmd.Env = []string{"CI=true", "PATH=" + program + ":" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "TMPDIR=" + cmd.Dir, asUser + "=" + cmd.Dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestConformance") || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

// reachable reports whether other users can get to a directory.
func reachable(dir string) bool {
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err != nil || st.Mode()&0o001 == 0 {
			return false
		}
	}
	return true
}
