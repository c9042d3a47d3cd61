package node

import (
	"os"
	"testing"

	"github.com/genepattern/ferry/cause"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	l, err := LockJob(t.Context(), dir, "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockJob(t.Context(), dir, "1"); cause.Of(err) != cause.Refused {
		t.Errorf("a second ferry with the same job: %v", err)
	}
	other, err := LockJob(t.Context(), dir, "2")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	other.Release()
	if again, err := LockJob(t.Context(), dir, "1"); err != nil {
		t.Error(err)
	} else {
		again.Release()
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
