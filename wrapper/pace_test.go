package wrapper

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file of a megabyte goes up after four seconds, and again after as many more as its size by then says. What is small or has not
// changed is never held.
func TestPace(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	begun := time.Now()
	now := begun
	p := newPace()
	p.began, p.now = begun, func() time.Time { return now }
	set := func(name string, size int64, changed time.Duration) {
		t.Helper()
		full := filepath.Join(dir, name)
		f, err := os.OpenFile(full, os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err == nil {
			err = os.Truncate(full, size)
		}
		if err == nil {
			err = os.Chtimes(full, begun.Add(changed), begun.Add(changed))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(after time.Duration, want ...string) {
		t.Helper()
		now = begun.Add(after)
		held := p.hold(root)
		if len(held) != len(want) {
			t.Errorf("after %v %v are held, want %q", after, held, want)
			return
		}
		for i, f := range held {
			if f.Pattern != want[i] {
				t.Errorf("after %v %q is held, want %q", after, f.Pattern, want[i])
			}
		}
	}
	const log = "a[[]1].log" // the pattern of its name
	set("small.txt", paceFree, 0)
	set("a[1].log", 1<<20, time.Second)
	at(2*time.Second, log)
	at(4 * time.Second)
	p.sent("a[1].log", 1<<20)
	at(5 * time.Second) // unchanged
	set("a[1].log", 8<<20, 6*time.Second)
	at(10*time.Second, log)
	at(35*time.Second, log) // 32 s after the last time
	at(36 * time.Second)
	p.sent("a[1].log", 8<<20)
	set("a[1].log", 9<<20, 37*time.Second) // while it was on its way
	at(38*time.Second, log)
}
