package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/engine"
)

// Engine runs processes. It knows only those it started itself: they end with it.
type Engine struct {
	env    []string
	host   string // what this container is known by, "" where it is ferry's own
	reaper reaper

	mu   sync.Mutex
	next int
	all  map[string]*container
}

var _ engine.Engine = (*Engine)(nil)

// New makes an Engine. environ is the environment that the container was started with, as os.Environ gives it: the image's
// variables are among it.
func New(environ []string) *Engine {
	return &Engine{env: moduleEnv(environ), all: map[string]*container{}}
}

// Within makes an Engine for a process that a platform started in the module's own container. Its environment is the image's, but for
// what the platform adds to reach the node's rights or to tell ferry something.
func Within(environ []string) *Engine {
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return slices.ContainsFunc(platforms, func(p string) bool { return strings.HasPrefix(entry, p) })
	})
	host, _ := os.Hostname() // which engines make the container's id
	return &Engine{env: env, all: map[string]*container{}, host: host}
}

// platforms are the prefixes of variables that platforms and ferry add to those of an image.
var platforms = []string{"AWS_CONTAINER_", "AWS_ROLE_", "AWS_WEB_IDENTITY_", "AWS_EXECUTION_ENV=", "AWS_BATCH_", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=",
	"AWS_SESSION_TOKEN=", "ECS_", "FERRY_"}

// foreign are the prefixes of variables that are not the image's, and secret what a name must not hold.
var (
	foreign = []string{"AWS_", "ECS_", "FERRY_", "GP_"}
	secret  = []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "PRIVATE", "APIKEY", "API_KEY"}
)

// moduleEnv is what of the environment the module may have. The image's own variables cannot be told from those that the
// container was given, so what is known not to be meant for the module is left out by name.
func moduleEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		name = strings.ToUpper(name)
		return slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(name, p) }) ||
			slices.ContainsFunc(secret, func(p string) bool { return strings.Contains(name, p) })
	})
}

// Info is that of this engine, which always answers. It enforces nothing: a module has what ferry has, and its user.
func (e *Engine) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: kindName, Version: "1", Root: "/"}, nil
}

// Image describes ferry's own container, whatever ref is.
func (e *Engine) Image(_ context.Context, ref string, _ engine.Login) (engine.Image, error) {
	img := engine.Image{Ref: ref, Env: e.env}
	if e.host == "" {
		img.ID = kindName
	}
	if uid := os.Geteuid(); uid != 0 {
		img.User = fmt.Sprintf("%d:%d", uid, os.Getegid())
	}
	img.Owner = fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	return img, nil
}

// Create checks the description and makes the mounts' links.
func (e *Engine) Create(_ context.Context, spec engine.Spec) (engine.Container, error) {
	if spec.User != "" && spec.User != fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid()) {
		return nil, fmt.Errorf("%w: in ferry's own container the module runs as ferry's user, not as %q", engine.ErrLaunch, spec.User)
	}
	if len(spec.Command) == 0 {
		return nil, fmt.Errorf("%w: no command", engine.ErrLaunch)
	}
	c := &container{engine: e, spec: spec, created: time.Now(), ended: make(chan struct{})}
	if err := c.links.make(spec.Mounts); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", engine.ErrLaunch, err), c.links.remove())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next++
	if c.id = e.host; c.id == "" || e.next > 1 {
		c.id = fmt.Sprintf("process-%d-%d", os.Getpid(), e.next)
	}
	e.all[c.id] = c
	return c, nil
}

// List finds those that this engine made and nobody removed.
func (e *Engine) List(_ context.Context, labels map[string]string) ([]engine.Found, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []engine.Found
	for _, c := range e.all {
		if c.carries(labels) {
			all = append(all, engine.Found{ID: c.id, Name: c.spec.Name, Labels: c.spec.Labels, Running: c.running(), Created: c.created})
		}
	}
	return all, nil
}

// Attach finds one by its id.
func (e *Engine) Attach(_ context.Context, id string) (engine.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.all[id]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("%q: %w", id, engine.ErrNoContainer)
}

func (e *Engine) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.all, id)
}

// links are the symlinks that stand for mounts, and the directories that were made for them.
type links struct {
	made  []string // links and directories, in the order they were made
	empty []string // empty directories that a link took the place of
}

// make links each target to its source, outer ones first as the caller has them. What lies inside another mount is there
// already.
func (l *links) make(mounts []engine.Mount) error {
	for _, m := range mounts {
		source, err := filepath.EvalSymlinks(m.Source)
		if err != nil {
			return fmt.Errorf("mounting %q: %w", m.Source, err)
		}
		if there, err := filepath.EvalSymlinks(m.Target); err == nil && there == source {
			continue
		}
		if err := l.link(source, m.Target); err != nil {
			return fmt.Errorf("mounting %q at %q: %w", m.Source, m.Target, err)
		}
	}
	return nil
}

func (l *links) link(source, target string) error {
	var missing []string
	for dir := filepath.Dir(target); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		l.made = append(l.made, dir)
	}
	if isLeft(target) {
		if err := os.Remove(target); err != nil {
			return fmt.Errorf("a killed ferry's link is there: %w", err)
		}
	}
	if st, err := os.Lstat(target); err == nil && st.IsDir() {
		// An image's empty directory gives way; one with files in it does not.
		if err := os.Remove(target); err != nil {
			return fmt.Errorf("this container has a directory there: %w", err)
		}
		l.empty = append(l.empty, target)
	}
	if err := os.Symlink(source, target); err != nil {
		return err
	}
	l.made = append(l.made, target)
	return nil
}

// isLeft reports whether the target is a link that a killed ferry left, outside a container that ends with it. It leads to the
// same path in an attempt's root, and that is gone.
func isLeft(target string) bool {
	to, err := os.Readlink(target)
	if err != nil || len(to) <= len(target) || !strings.HasSuffix(to, target) {
		return false
	}
	_, err = os.Stat(target)
	return errors.Is(err, os.ErrNotExist)
}

// remove takes away what make made, and nothing else: a directory that meanwhile holds something stays.
func (l *links) remove() error {
	var errs []error
	for _, p := range slices.Backward(l.made) {
		st, err := os.Lstat(p)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case st.Mode()&os.ModeSymlink != 0:
			errs = append(errs, os.Remove(p))
		case st.IsDir():
			_ = os.Remove(p)
		}
	}
	for _, p := range l.empty {
		if err := os.Mkdir(p, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			errs = append(errs, err)
		}
	}
	l.made, l.empty = nil, nil
	return errors.Join(errs...)
}
