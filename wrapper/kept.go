package wrapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// A manifest says of kept results where they belong, and how the job ends once they are there.
type manifest struct {
	Job      string            `json:"job"`
	Attempt  int               `json:"attempt"`
	Run      string            `json:"run"`
	Remote   string            `json:"remote"`
	Store    map[string]string `json:"store,omitempty"` // the options of stores that were given
	Record   string            `json:"record"`          // the job's path of run.json
	ExitFile string            `json:"exit_code_file"`
	Code     int               `json:"exit_code"` // of the job, once all is stored
	Dirs     []keptDir         `json:"dirs"`
	Lost     []string          `json:"lost,omitempty"` // results that could not be kept either
	Last     json.RawMessage   `json:"last_record"`    // as the node has it
}

// A keptDir is one directory of results: what was not sent of it is in the folder of that number.
type keptDir struct {
	URL     string   `json:"url"`
	Files   int64    `json:"files"`
	Bytes   int64    `json:"bytes"`
	Left    []string `json:"left,omitempty"`    // what has no content to store, such as sockets: a warning, as it was
	Refused []string `json:"refused,omitempty"` // too large by policy: they are not kept
}

// keepTime bounds keeping what was not sent. Each file costs a link.
const keepTime = 5 * time.Minute

// A keeper keeps on the node what was to be sent and was not. The file system has it already: it only gets another name, outside the
// attempt's root.
type keeper struct {
	box *outbox
	to  *node.Keeping

	left    []string // paths of folders that are in the container only
	strict  bool     // a full disk is an error
	full    error    // no room was left for something
	refused func(string) bool

	mu  sync.Mutex
	dir *keptDir
	man *manifest
}

// keepResults keeps what is not in the store at place, and what earlier jobs left only while the disk has room. judged is the job's
// outcome but for that.
func (o *outbox) keepResults(save context.Context, place string, judged Outcome, m *module) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(save), keepTime)
	defer cancel()
	k := &keeper{box: o, left: collectLast(save, o, m), strict: true}
	err := k.try(ctx, place, judged)
	trimKept(ctx, o.site)
	if errors.Is(err, syscall.ENOSPC) {
		k.strict = false // what finds no room now is lost
		err = k.try(ctx, place, judged)
	}
	return err
}

// collectLast collects what is in the container only, and gives the paths of what it could not. Once no time is left, somebody is about
// to kill ferry.
func collectLast(save context.Context, o *outbox, m *module) (left []string) {
	if m == nil {
		return nil
	}
	ctx, cancel := lastly(save, keepTime)
	defer cancel()
	for _, d := range o.results() {
		if d.ofFerry() || o.since(d.path) == nil {
			continue
		}
		if err := m.collect(ctx, d.path); err != nil {
			o.site.tell.log.Error().Err(err).Msg("what the module left in its container is lost")
			left = append(left, d.path)
		}
	}
	return left
}

// trimKept makes room, and says what went.
func trimKept(ctx context.Context, s *site) {
	removed, err := node.TrimKept(ctx, s.job.LocalPrefix)
	for _, place := range removed {
		s.tell.log.Error().Str("place", place).Msg("results that the store never took are removed: they are older than 30 days, or the disk is nearly full and these are the oldest")
	}
	if err != nil && ctx.Err() == nil {
		s.tell.log.Warn().Err(err).Msg("making room where results are kept")
	}
}

func (k *keeper) try(ctx context.Context, place string, judged Outcome) (err error) {
	o, s := k.box, k.box.site
	to, err := node.Keep(s.job.LocalPrefix, place)
	if err != nil {
		return err
	}
	k.to, k.refused, k.full = to, o.refused.sorted(), nil
	k.man = &manifest{Job: s.job.Identity.ID, Attempt: s.job.Identity.Attempt, Run: o.claim.run, Remote: s.job.Remote, Store: s.job.Store,
		Record: s.metadata(record.FileName), ExitFile: s.job.Files.ExitCode, Code: judged.Code, Last: s.tell.rec.JSON()}
	for _, d := range o.results() {
		if o.since(d.path) == nil {
			continue // not staged in whole, so nothing in it is known to be a result
		}
		if slices.Contains(k.left, d.path) {
			k.man.Lost = named(k.man.Lost, d.as+"/") // the half of it that may be here is no result
			continue
		}
		if err := k.keep(ctx, d); err != nil {
			return errors.Join(err, to.Abort())
		}
	}
	data, err := json.Marshal(k.man)
	if err != nil {
		return errors.Join(err, to.Abort())
	}
	return to.Finish(data)
}

// keep keeps what a dry run of stage out would send of a directory.
func (k *keeper) keep(ctx context.Context, d folder) error {
	o := k.box
	from, err := o.site.open(d.path)
	if err != nil {
		return err
	}
	defer from.Close()
	st, prefix, err := o.remote.at(ctx, d.url)
	if err != nil {
		return err
	}
	name := strconv.Itoa(len(k.man.Dirs))
	if err := k.to.Mkdir(name, 0o700); err != nil {
		return err
	}
	to, err := k.to.OpenRoot(name)
	if err != nil {
		return err
	}
	defer to.Close()
	k.dir = &keptDir{URL: d.url}
	opts := ferrysync.Options{Preserve: true, Filters: o.filters(d.path), Links: o.links(d.as), Since: o.since(d.path), DryRun: true,
		Event: func(e ferrysync.Event) { k.event(from, to, d, e) }}
	_, err = o.transfer.Up(ctx, from, st, prefix, opts)
	if ctx.Err() != nil {
		return fmt.Errorf("keeping what is in %s: %w", d.path, errors.Join(err, ctx.Err()))
	}
	k.man.Dirs = append(k.man.Dirs, *k.dir)
	if k.strict {
		return k.full
	}
	return nil
}

func (k *keeper) event(from, to *os.Root, d folder, e ferrysync.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	full := path.Join(d.as, e.Path)
	switch {
	case k.refused(full):
		k.dir.Refused = named(k.dir.Refused, full)
	case e.Op == ferrysync.OpUpload:
		size, err := link(k.shown(from, d, e.Path), to, e.Path)
		if err != nil {
			k.man.Lost = named(k.man.Lost, full)
			if errors.Is(err, syscall.ENOSPC) {
				k.full = err
			}
			if len(k.man.Lost) <= maxLostTold {
				k.box.site.tell.log.Error().Err(err).Str("file", full).Msg("a result could not be kept")
			}
			return
		}
		if !strings.HasSuffix(e.Path, "/") {
			k.dir.Files, k.dir.Bytes = k.dir.Files+1, k.dir.Bytes+size
		}
	case e.Op == ferrysync.OpRefuse:
		k.dir.Left = named(k.dir.Left, full)
	case e.Op == ferrysync.OpFail:
		k.man.Lost = named(k.man.Lost, full)
	}
}

// maxLostTold is how many results the log names that could not be kept. The record names more.
const maxLostTold = 20

// named adds a name to a list of names, which is bounded.
func named(all []string, name string) []string {
	if len(all) < maxMissing {
		all = append(all, name)
	}
	return all
}

// A spotted file or directory is a name in a root.
type spotted struct {
	root *os.Root
	name string
}

// shown is what stage out would send as name. A link may lead to another directory of the job.
func (k *keeper) shown(from *os.Root, d folder, name string) spotted {
	name = strings.TrimSuffix(name, "/")
	if _, err := from.Stat(name); err != nil {
		if root, there, err := k.box.links(d.as).Find(name); err == nil {
			return spotted{root, there}
		}
	}
	return spotted{from, name}
}

// link gives what stage out would send another name. A link of the module's becomes what it shows.
func link(from spotted, to *os.Root, name string) (size int64, err error) {
	if dir, isDir := strings.CutSuffix(name, "/"); isDir {
		st, err := from.root.Stat(from.name)
		if err == nil {
			err = to.MkdirAll(dir, 0o700)
		}
		if err == nil {
			err = to.Chmod(dir, st.Mode().Perm()|0o700)
		}
		if err == nil {
			err = to.Chtimes(dir, st.ModTime(), st.ModTime())
		}
		return 0, err
	}
	f, err := from.root.OpenFile(from.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%q is no file", name)
	}
	if err == nil {
		err = to.MkdirAll(path.Dir(name), 0o700)
	}
	if err != nil {
		return 0, err
	}
	in, err := to.Open(path.Dir(name))
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }()
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if unix.Linkat(unix.AT_FDCWD, self, int(in.Fd()), path.Base(name), unix.AT_SYMLINK_FOLLOW) == nil {
		return st.Size(), nil
	}
	return st.Size(), copyFile(f, to, name, st) // not ours to link, or on another file system
}

func copyFile(f io.Reader, to *os.Root, name string, st fs.FileInfo) error {
	w, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, st.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	if err = errors.Join(err, w.Close()); err == nil {
		err = to.Chtimes(name, st.ModTime(), st.ModTime())
	}
	return err
}

// keptAt is where the results of this run are kept, as ferry sees it and as the engine's host does.
func keptAt(s *site, run string) (here, host string) {
	j := &s.job
	here = node.KeptPlace(j.LocalPrefix, j.Identity.ID, j.Identity.Attempt, run)
	rel, err := filepath.Rel(j.LocalPrefix, here)
	if err != nil {
		return here, here
	}
	return here, path.Join(path.Dir(s.paths.host), rel)
}
