package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// warm makes sure that as much free memory as the next tool will fill, as files, is really there. Under a hypervisor that
// takes back what its guest has not used for seconds, the first write to each page waits for the host, which took up to
// two thirds of a large download's time (perf: copy_folio_from_iter_atomic), and whose turn it met was chance. It is a
// process of its own for the reason that the proxy is one.
func warm(bytes int64) {
	if bytes > 8<<30 { // a row for a disk: this would take longer than what it is for, and the host have it back before
		return
	}
	text, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := strings.Cut(string(text), "MemAvailable:")
	var kib int64
	_, _ = fmt.Sscan(after, &kib)
	bytes = min(bytes, kib<<10/2) // more would drive what is cached out of memory, or get somebody killed
	self, err := os.Executable()
	if err != nil || bytes == 0 {
		return
	}
	cmd := exec.Command(self, "-touch", strconv.FormatInt(bytes, 10))
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "taking memory before the run: %v\n%s", err, out)
	}
}

// touch is what warm starts.
func touch(bytes int64) error {
	m, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("taking %d bytes of memory: %w", bytes, err)
	}
	return syscall.Munmap(m)
}
