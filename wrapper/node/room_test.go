package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// keepOne keeps a file of the given size.
func keepOne(t *testing.T, prefix string, n, size int) {
	t.Helper()
	k, err := Keep(prefix, KeptPlace(prefix, "j", n, "RUN"))
	if err == nil {
		err = k.WriteFile("result", make([]byte, size), 0o600)
	}
	if err == nil {
		err = k.Finish([]byte("{}"))
	}
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(n) * time.Minute)
	if err := os.Chtimes(filepath.Join(KeptPlace(prefix, "j", n, "RUN"), manifestName), at, at); err != nil {
		t.Fatal(err)
	}
}

// left are the attempts whose results are kept.
func left(t *testing.T, prefix string) string {
	names, err := Kept(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// On a disk that becomes full the oldest results go, and really free their space; the newest stay. One that is being sent stays.
func TestTrimKept(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "root's rights to mount a small disk")
	const mib = 1 << 20
	prefix := t.TempDir()
	if err := syscall.Mount("ferry-test", prefix, "tmpfs", 0, fmt.Sprintf("size=%d", 10*mib)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(prefix, syscall.MNT_DETACH) })
	for n := 1; n <= 4; n++ {
		keepOne(t, prefix, n, 2*mib)
	}
	if removed, err := TrimKept(t.Context(), prefix); err != nil || len(removed) > 0 {
		t.Errorf("with a fifth free: %q, %v", removed, err)
	}
	first, err := OpenKept(prefix, "j.1.RUN")
	if err != nil {
		t.Fatal(err)
	}
	keepOne(t, prefix, 5, mib+mib/2)
	if removed, err := TrimKept(t.Context(), prefix); err != nil || len(removed) != 1 || left(t, prefix) != "j.1.RUN j.3.RUN j.4.RUN j.5.RUN" {
		t.Errorf("removed %q, left %q, %v", removed, left(t, prefix), err)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
	if !hasRoom(prefix) {
		t.Error("the space is not free")
	}
	never := func() bool { return false }
	if _, err := trimKept(t.Context(), prefix, never, time.Time{}); err != nil || left(t, prefix) != "j.5.RUN" {
		t.Errorf("on a full disk there is left %q, %v", left(t, prefix), err)
	}
}

// What is older than a month goes, the newest too.
func TestTrimKeptByAge(t *testing.T) {
	prefix := t.TempDir()
	for n := 1; n <= 3; n++ {
		keepOne(t, prefix, n, 1)
	}
	always := func() bool { return true }
	if _, err := trimKept(t.Context(), prefix, always, time.Now().Add(150*time.Second)); err != nil || left(t, prefix) != "j.3.RUN" {
		t.Errorf("left %q, %v", left(t, prefix), err)
	}
	if _, err := trimKept(t.Context(), prefix, always, time.Now().Add(time.Hour)); err != nil || left(t, prefix) != "" {
		t.Errorf("left %q, %v", left(t, prefix), err)
	}
	if entries, err := os.ReadDir(prefix); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
