package wrapper

import (
	"fmt"
	"syscall"
)

// freeBytes is the space that is free for this user in the file system of dir.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("asking how much space %q has: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
