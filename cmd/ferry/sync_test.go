package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store/stores"
)

// TestSyncScripts drives `ferry sync` from outside. $REMOTE is a place in a store of its own.
func TestSyncScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/sync",
		Setup: func(e *testscript.Env) error {
			s := testenv.S3(e.T().(testing.TB))
			for _, kv := range append(testenv.Environ(), s.Env()...) {
				if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
					e.Setenv(name, value)
				}
			}
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("REMOTE", "s3://"+s.Bucket+"/root")
			e.Setenv("CLOSED", closedPort(e.T().(testing.TB)))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "oneline": oneLineOnly},
	})
}

// A signal ends a transfer with its own code, and no part of a file stays.
func TestSyncInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		srv := testenv.S3(t)
		if err := os.WriteFile(filepath.Join(srv.Dir, "big"), make([]byte, 3<<20), 0o644); err != nil {
			t.Fatal(err)
		}
		p := testenv.Proxy(t, srv.Endpoint)
		p.Add(testenv.Rule{Kind: "GetObject", Fault: testenv.Fault{Cut: 1 << 20, ThenStall: true}})
		dst := t.TempDir()
		cmd := exec.Command(testenv.FerryBinary(t), "sync", "s3://"+srv.Bucket, dst)
		cmd.Env = testenv.Environ(p.Via(srv).Env()...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); len(names(t, dst)) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = cmd.Process.Kill()
				t.Fatal("the download does not begin")
			}
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != cause.Interrupted.Code() {
			t.Errorf("%v: %v", sig, err)
		}
		if got := names(t, dst); len(got) > 0 || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%v: left %q; %s", sig, got, &stderr)
		}
	}
}

// Where nothing may be written, one line says so, whatever the number of objects.
func TestSyncNotWritable(t *testing.T) {
	testenv.Require(t, os.Getuid() == 0, "only root can become somebody else")
	srv := testenv.S3(t)
	for i := range 300 {
		path := filepath.Join(srv.Dir, fmt.Sprint("d", i%3), fmt.Sprint("f", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "ferry-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, err := os.ReadFile(testenv.FerryBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(dir+"/ferry", binary, 0o755), os.Mkdir(dir+"/dst", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{"/dst", "/dst/new"} {
		cmd := exec.Command(dir+"/ferry", "sync", "s3://"+srv.Bucket, dir+dst)
		cmd.Env = testenv.Environ(srv.Env()...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != cause.StageIn.Code() || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "permission denied") {
			t.Errorf("%s: %v, %s", dst, err, out)
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != dir {
			all = append(all, d.Name())
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func TestParseSync(t *testing.T) {
	a, err := parseSync([]string{"--delete", "SRC", "--exclude", "*", "--include=a=b", "DST", "--exclude", "-x", "--size-only"}, syncOptions(stores.All))
	if err != nil || a.src != "SRC" || a.dst != "DST" || !a.options.Delete || !a.options.SizeOnly {
		t.Errorf("%+v, %v", a, err)
	}
	var got []string
	for _, f := range a.options.Filters {
		got = append(got, f.Pattern)
	}
	if want := []string{"*", "a=b", "-x"}; !slices.Equal(got, want) || !a.options.Filters[1].Include || a.options.Filters[2].Include {
		t.Errorf("%+v", a.options.Filters)
	}
	if a, err = parseSync([]string{"--", "-SRC", "--delete"}, syncOptions(stores.All)); err != nil || a.src != "-SRC" || a.dst != "--delete" {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []string{"", "a", "a b c", "a b --nonsense", "a b --delete=yes", "a b --include", "a b --transfers 0", "a b --transfers x"} {
		if _, err := parseSync(strings.Fields(bad), syncOptions(stores.All)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
