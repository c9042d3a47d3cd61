package tree

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Who is not root may mark only what is writable, so a file that is to be read-only is marked before.
func TestReadOnlyKeepsMark(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tr := New(root)
	defer tr.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Error(err)
			return
		}
		f, err := tr.Create("f", true)
		if err == nil {
			err = f.Commit(Attributes{Perm: 0o444, HasPerm: true, Mark: []byte("mark")})
		}
		if err != nil {
			t.Error(err)
		}
	}()
	<-done
	for e := range tr.Walk(t.Context(), WalkOptions{}) {
		mark, can := e.Mark()
		if can && string(mark) != "mark" || e.Mode.Perm() != 0o444 {
			t.Errorf("%v: mark %q", e.Mode, mark)
		}
	}
}
