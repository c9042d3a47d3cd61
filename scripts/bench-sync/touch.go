package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// warm makes sure that as much free memory as the next tool will fill, as files, is really there. Under a hypervisor that
// takes back what its guest has not used for seconds, the first write to each page waits for the host, which took up to
// two thirds of a large download's time (perf: copy_folio_from_iter_atomic), and whose turn it met was chance. It is a
// process of its own for the reason that the proxy is one.
func warm(bytes int64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-touch", strconv.FormatInt(bytes, 10))
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// touch is what warm starts.
func touch(bytes int64) error {
	m, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("taking %d bytes of memory: %w", bytes, err)
	}
	return syscall.Munmap(m)
}
