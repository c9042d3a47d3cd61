package apptainer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
)

// Engine runs containers of ferry's own user on this node. It is safe for concurrent use.
type Engine struct {
	config Config
	depot  *depot
	groups func() cgroups

	mu      sync.Mutex
	found   *program
	looked  map[string]*squashed  // by SIF
	running map[string]*container // those that this process made
}

var _ engine.Engine = (*Engine)(nil)

// New makes an Engine. It runs nothing yet.
func New(c Config) *Engine {
	return &Engine{config: c, depot: &depot{c.Dir, c.Path}, groups: sync.OnceValue(findCgroups), looked: map[string]*squashed{}, running: map[string]*container{}}
}

// program finds apptainer. It is looked for again where it was not there.
func (e *Engine) program(ctx context.Context) (*program, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.found == nil {
		p, err := find(ctx, e.config)
		if err != nil {
			return nil, err
		}
		e.found = p
	}
	return e.found, nil
}

// Info says what Apptainer this is, and what holds. A module has no network of its own, or this node's.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	p, err := e.program(ctx)
	if err != nil {
		return engine.Info{}, err
	}
	if why := userNamespaces(); why != "" && os.Geteuid() != 0 && !p.suid {
		return engine.Info{}, engine.Unreachable(hintUserNS, errors.New(why))
	}
	has := e.groups().enforces()
	has.NoNetwork, has.ReadOnly = true, true
	return engine.Info{Name: kindName, Version: p.version, Root: e.config.Cache, Platform: "linux/" + runtime.GOARCH, Enforces: has}, nil
}

// Create makes a container's directory.
func (e *Engine) Create(ctx context.Context, spec engine.Spec) (engine.Container, error) {
	if err := e.check(spec); err != nil {
		return nil, err
	}
	if _, err := e.depot.base(); err != nil {
		return nil, err
	}
	img, err := e.present(ctx, spec.Image.Ref, nil)
	if err != nil {
		return nil, err
	}
	c := &container{engine: e, spec: spec, rootfs: img.rootfs, ended: make(chan struct{})}
	c.record = record{ID: strings.ToLower(rand.Text()), Name: spec.Name, Labels: spec.Labels, Created: time.Now(), Image: spec.Image, At: img.at}
	for _, m := range spec.Mounts {
		c.record.Mounts = append(c.record.Mounts, m.Target)
	}
	dir := e.depot.path(c.record.ID)
	for _, d := range []string{"", overlayName, tempName, homeName} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, full(errors.Join(fmt.Errorf("%w: %w", engine.ErrLaunch, err), remove(dir)))
		}
	}
	if err := e.depot.write(&c.record); err != nil {
		return nil, errors.Join(err, remove(dir))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running[c.record.ID] = c
	return c, nil
}

// check refuses what apptainer cannot give, before anything is made.
func (e *Engine) check(spec engine.Spec) error {
	uid, _, _ := strings.Cut(me(), ":")
	switch {
	case len(spec.Command) == 0:
		return fmt.Errorf("%w: no command", engine.ErrLaunch)
	case spec.User != "" && spec.User != me() && spec.User != uid:
		return fmt.Errorf("%w: with Apptainer the module runs as ferry's own user %s, not as %q", engine.ErrLaunch, me(), spec.User)
	case len(spec.CapAdd) > 0:
		return fmt.Errorf("%w: with Apptainer a module gets no capabilities, so not %s", engine.ErrLaunch, strings.Join(spec.CapAdd, ", "))
	}
	for _, m := range spec.Mounts {
		if _, err := os.Stat(m.Source); err != nil {
			return fmt.Errorf("%w: mounting %q at %q: %w", engine.ErrLaunch, m.Source, m.Target, err)
		}
	}
	return makePoints(spec.Mounts)
}

// makePoints makes what something is to be mounted on where that lies in another mount: apptainer makes it in images only.
func makePoints(mounts []engine.Mount) error {
	for _, m := range mounts {
		var outer *engine.Mount
		for _, o := range mounts {
			if o.Target != m.Target && subpath.Within(o.Target, m.Target) && (outer == nil || len(o.Target) > len(outer.Target)) {
				outer = &o
			}
		}
		if outer == nil {
			continue
		}
		if err := makePoint(m.Source, outer.Source, strings.TrimPrefix(m.Target, outer.Target)); err != nil {
			return fmt.Errorf("%w: mounting %q at %q: %w", engine.ErrLaunch, m.Source, m.Target, err)
		}
	}
	return nil
}

func makePoint(source, outer, at string) error {
	root, err := os.OpenRoot(outer)
	if err != nil {
		return err
	}
	defer root.Close()
	at = strings.Trim(at, "/")
	if _, err := root.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return root.MkdirAll(at, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// List finds the containers of this user on this node, whichever ferry made them.
func (e *Engine) List(_ context.Context, labels map[string]string) ([]engine.Found, error) {
	records, err := e.depot.records()
	if err != nil {
		return nil, err
	}
	var all []engine.Found
	for _, r := range records {
		if r.carries(labels) {
			all = append(all, engine.Found{ID: r.ID, Name: r.Name, Labels: r.Labels, Running: r.running(), Created: r.Created})
		}
	}
	return all, nil
}

// Attach finds a container by its id, or by its name.
func (e *Engine) Attach(ctx context.Context, id string) (engine.Container, error) {
	r, err := e.depot.lookup(id)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.running[r.ID]; ok {
		return c, nil
	}
	return &stranger{engine: e, record: *r}, nil
}

func (d *depot) lookup(id string) (*record, error) {
	r, err := d.read(id)
	if !errors.Is(err, engine.ErrNoContainer) {
		return r, err
	}
	all, e2 := d.records()
	if e2 != nil {
		return nil, e2
	}
	i := slices.IndexFunc(all, func(r *record) bool { return id != "" && r.Name == id })
	if i < 0 {
		return nil, err
	}
	return all[i], nil
}

func (e *Engine) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, id)
}
