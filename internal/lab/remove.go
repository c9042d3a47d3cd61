package lab

import (
	"fmt"
	"os"
	"os/exec"
)

// RemoveTree removes a directory with files that a container may have written as root: where this user may not, it asks
// sudo.
func RemoveTree(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || os.Geteuid() == 0 {
		return err
	}
	if out, err := exec.Command("sudo", "rm", "-rf", "--", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("removing %q: %w: %s", dir, err, out)
	}
	return nil
}
