package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
)

// Files, links, directories and pipes that take each other's place while they are sent lead nowhere else, and nothing waits for
// a pipe. Whatever comes to the store under a name was there under that name.
func TestExchangedWhileSent(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{"outside/secret": "secret", "src/d/f": "inside", "src/x": "inside", "other": "secret"})
	src := filepath.Join(dir, "src")
	end := make(chan struct{})
	var wg sync.WaitGroup
	for _, at := range []string{src + "/x", src + "/d/f", src + "/d"} {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					return
				default:
				}
				next := filepath.Join(dir, "next"+strings.ReplaceAll(at[len(src):], "/", "-"))
				_ = os.Remove(next + "/f")
				_ = os.Remove(next)
				switch i % 5 {
				case 0:
					_ = os.WriteFile(next, []byte("inside"), 0o644)
				case 1:
					_ = os.Symlink(filepath.Join(dir, "other"), next)
				case 2:
					_ = os.Symlink("../../outside", next)
				case 3:
					_ = os.MkdirAll(next, 0o755)
					_ = os.WriteFile(next+"/f", []byte("inside"), 0o644)
				case 4:
					_ = syscall.Mkfifo(next, 0o644)
				}
				_ = os.Remove(at + "/f")
				_ = os.Remove(at)
				_ = os.Rename(next, at)
			}
		})
	}
	e := ferrysync.New(ferrysync.Config{})
	root := openRoot(t, src)
	for range 40 {
		store := t.TempDir()
		_, _ = e.Up(t.Context(), root, dirStore(t, store), "p", ferrysync.Options{Preserve: true}) // what is gone meanwhile may fail
		for name, content := range readTree(t, store) {
			if strings.Contains(content, "secret") || strings.Contains(name, "secret") {
				t.Errorf("%s is in the store: %q", name, content)
			}
		}
		if t.Failed() {
			break
		}
	}
	close(end)
	wg.Wait()
}
