package wrapper

import (
	"os"
	"path"
	"syscall"
)

// ballast is a file that holds some space, so that a module that fills the disk leaves enough to say so.
const (
	ballastName = "ballast"
	ballastSize = 1 << 20 // bytes: the record and the logs of a job are a few thousand
)

func (a *attempt) makeBallast() error {
	return a.root.WriteFile(path.Join(ownDir, ballastName), make([]byte, ballastSize), 0o600)
}

func (a *attempt) dropBallast() { _ = a.root.Remove(path.Join(ownDir, ballastName)) }

// diskFull says that the module had no space left. Root may use what a file system keeps back from others.
func (a *attempt) diskFull() bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.dir, &st); err != nil || st.Blocks == 0 {
		return false
	}
	free := st.Bavail
	if isRoot(a.moduleUser()) && os.Geteuid() == 0 {
		free = st.Bfree
	}
	// Some systems keep a few blocks for themselves: what is left there no module can use.
	return int64(free)*st.Bsize < ballastSize/4
}
