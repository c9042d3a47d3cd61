package docker

import (
	"slices"
	"strings"
	"sync"

	"github.com/genepattern/ferry/engine"
)

// known are programs that images were seen to have. To look into a container costs the engine a mount of its file system, and what the
// containers of an array would ask is the same. It is safe for concurrent use.
type known struct {
	mu  sync.Mutex
	has map[imageFile]bool
}

// An imageFile is a path in an image.
type imageFile struct{ image, path string }

// programRoots are where programs are, and what links to programs lead to.
var programRoots = []string{"bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "nix", "gnu", "etc"}

// inImage is the image of a container, by its id; "" where a mount may lie over a program of the image.
func inImage(s engine.Spec) string {
	for _, m := range s.Mounts {
		root, _, _ := strings.Cut(strings.TrimPrefix(m.Target, "/"), "/")
		if root == "" || slices.Contains(programRoots, root) {
			return ""
		}
	}
	return s.Image.ID
}

// programs are those of a container's image. The zero value knows none.
type programs struct {
	image string // its id; "" where a mount may lie over them
	known *known
}

// has reports whether the image was seen to have the program. It may have it all the same.
func (p programs) has(path string) bool {
	if p.known == nil || p.image == "" {
		return false
	}
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	return p.known.has[imageFile{p.image, path}]
}

// note says that a container of the image has it.
func (p programs) note(path string) {
	if p.known == nil || p.image == "" {
		return
	}
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	if p.known.has == nil {
		p.known.has = map[imageFile]bool{}
	}
	p.known.has[imageFile{p.image, path}] = true
}
