package node

import (
	"fmt"
	"syscall"
)

// Free is how many bytes of the file system of dir are free for this user.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("asking how much space %q has: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Size is how many bytes the file system of dir can hold.
func Size(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("asking how large the disk of %q is: %w", dir, err)
	}
	return int64(st.Blocks) * st.Bsize, nil
}

// Full reports whether the file system of dir has fewer than less bytes free. With root it counts what the file system reserves
// for root as free. A file system that does not tell is not full.
func Full(dir string, less int64, root bool) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return false
	}
	free := st.Bavail
	if root {
		free = st.Bfree
	}
	return int64(free)*st.Bsize < less
}
