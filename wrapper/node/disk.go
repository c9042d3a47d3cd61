package node

import (
	"fmt"
	"syscall"
)

// Free is how many bytes are free for this user in the file system of dir.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("asking how much space %q has: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Full says that the file system of dir has less than so many bytes free. Root may use what a file system keeps back from
// others. Where the system does not say, it is not full.
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
