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

// programs are those of a container: seen in it, or in its image.
type programs struct {
	command string // what the container runs, where that is an absolute path of one made here
	image   string // the image's id; "" where a mount may lie over it
	known   *known // of all images
	here    known  // of this container, whose image is "" there
}

// has reports whether the container was seen to have the program. It may have it all the same.
func (p *programs) has(path string) bool {
	return p.here.knows("", path) || p.image != "" && p.known.knows(p.image, path)
}

// note says that the container has it.
func (p *programs) note(path string) {
	p.here.note("", path)
	if p.image != "" {
		p.known.note(p.image, path)
	}
}

func (k *known) knows(image, path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.has[imageFile{image, path}]
}

func (k *known) note(image, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.has == nil {
		k.has = map[imageFile]bool{}
	}
	k.has[imageFile{image, path}] = true
}
