package bounded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/bounded"
)

// endless has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAll(t *testing.T) {
	if b, err := bounded.All(strings.NewReader("abc"), 3); string(b) != "abc" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := bounded.All(strings.NewReader("abcd"), 3); !errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := bounded.All(endless{}, 1000); !errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if _, err := bounded.File(name, 3); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 1<<40); err != nil { // a file with a hole
		t.Fatal(err)
	}
	if _, err := bounded.File(name, 3); !errors.Is(err, bounded.ErrTooLarge) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
}

func TestTail(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int64]string{100: "one\ntwo\nthree\n", 14: "one\ntwo\nthree\n", 13: "two\nthree\n", 8: "three\n", 3: ""} {
		if b, err := bounded.Tail(name, most); string(b) != want || err != nil {
			t.Errorf("%d: %q, %v, want %q", most, b, err, want)
		}
	}
}
