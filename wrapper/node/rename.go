package node

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameat renames between two open folders, whatever their paths are by now.
func renameat(from *os.File, name string, to *os.File, as string) error {
	if err := unix.Renameat(int(from.Fd()), name, int(to.Fd()), as); err != nil {
		return &os.LinkError{Op: "rename", Old: name, New: as, Err: err}
	}
	return nil
}
