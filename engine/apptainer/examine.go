package apptainer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/engine"
)

var _ engine.Examiner = (*Engine)(nil)

// Examine says how this user runs images here, which limits hold, and where files are.
func (e *Engine) Examine(ctx context.Context) []engine.Finding {
	p, err := e.program(ctx)
	if err != nil {
		return nil // Info says so
	}
	return []engine.Finding{p.namespaces(ctx), e.config.images(p), e.groups().limits(), e.config.cache(), e.config.node()}
}

func (p *program) namespaces(ctx context.Context) engine.Finding {
	f := engine.Finding{Name: "user namespaces", OK: true}
	switch {
	case os.Geteuid() == 0:
		f.Detail = "not needed: ferry is root"
	case p.suid:
		f.Detail = "not needed: apptainer has a part with root's rights"
	default:
		if err := cloneUser(ctx, p); err != nil {
			return engine.Finding{Name: f.Name, Detail: "this user can make none: " + err.Error(), Hint: hintUserNS}
		}
		f.Detail = "this user can make them"
	}
	return f
}

// images says how a SIF file is run. Unpacking is slower the first time, and nothing that has to be mended.
func (c Config) images(p *program) engine.Finding {
	f := engine.Finding{Name: "SIF files", OK: true, Detail: "mounted as they are"}
	if to := c.unpackedTo(p); to != "" {
		f.Detail = "unpacked in " + to
		if c.Unpacked == "" {
			f.Detail += ", because this user cannot mount them: squashfuse, and /dev/fuse with mode 0666, would save that"
		}
	}
	for _, name := range []string{"mksquashfs", "unsquashfs"} {
		if _, err := inPath(name, c.Path); err != nil {
			return engine.Finding{Name: f.Name, Detail: err.Error(), Hint: hintSquash}
		}
	}
	return f
}

func (g cgroups) limits() engine.Finding {
	names := g.enforces().Names()
	f := engine.Finding{Name: "limits", OK: true, Detail: "ferry enforces " + strings.Join(names, ", ")}
	if len(names) == 0 {
		f.Detail = "ferry can make no control groups here: --memory, --cpus and --pids are the scheduler's, such as sbatch's"
	}
	return f
}

func (c Config) cache() engine.Finding {
	f := engine.Finding{Name: "image cache", OK: true, Detail: c.Cache}
	dir := c.Cache
	for !exists(dir) && dir != "/" {
		dir = filepath.Dir(dir)
	}
	if unix.Access(dir, unix.W_OK) != nil {
		// An image that is there already runs all the same.
		f.Detail += ", which this user may read and not write: images have to be there already"
	}
	return f
}

func (c Config) node() engine.Finding {
	f := engine.Finding{Name: "containers", OK: true}
	d := &depot{dir: c.Dir}
	if _, err := d.base(); err != nil {
		return engine.Finding{Name: f.Name, Detail: err.Error(), Hint: fmt.Sprintf("set %s to a directory of this user's on a disk of this node", dirVariable)}
	}
	f.Detail = fmt.Sprintf("in %s, with a root that they can write to", c.Dir)
	if !overlays(c.Dir) {
		f.Detail = fmt.Sprintf("in %s, with a root that is read-only: %s on a disk of this node and Linux 5.11 would change that", c.Dir, dirVariable)
	}
	return f
}
