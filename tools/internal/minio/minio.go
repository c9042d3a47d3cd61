// Package minio starts a MinIO, an S3 server with other habits than the lab's, from a binary that is already there:
// go install github.com/minio/minio@latest.
package minio

import (
	"os"
	"os/exec"
	"syscall"
)

// Command is a MinIO at path that keeps its objects in dir and listens on addr, HOST:PORT. It ends when this process does.
func Command(path, addr, dir, user, password string) *exec.Cmd {
	cmd := exec.Command(path, "server", "--quiet", "--address", addr, "--console-address", "127.0.0.1:0", dir)
	cmd.Env = []string{"HOME=" + dir, "PATH=/nonexistent", "MINIO_ROOT_USER=" + user, "MINIO_ROOT_PASSWORD=" + password, "MINIO_UPDATE=off", "MINIO_BROWSER=off"}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
