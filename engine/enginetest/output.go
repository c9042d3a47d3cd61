package enginetest

import (
	"bytes"
	"strings"
	"sync"
)

// output is what a container has written so far.
type output struct{ stdout, stderr buffer }

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) has(s string) bool { return strings.Contains(b.String(), s) }
