package submit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/submit/handle"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

// A dispatch is a path of this machine and the URL that it is sent to.
type dispatch struct{ path, url string }

// dispatches are the paths of the job that are below the remote root and that this machine has. What it does not have is in the store,
// or ferry on the node will name it. A path in another one goes with that.
func (p *parcel) dispatches() []dispatch {
	all := []dispatch{{p.meta, p.job.URL(p.meta)}}
	if p.file.Array == nil {
		all = append(all, dispatch{p.work, p.job.URL(p.work)})
	}
	for _, in := range p.job.Staged() {
		if under(p.job.Remote, in.URL) {
			all = append(all, dispatch{in.Path, in.URL})
		}
	}
	var out []dispatch
	for i, d := range all {
		covered := false
		for k, o := range all {
			inside := o.path != d.path && subpath.Within(o.path, d.path) && o.url+strings.TrimPrefix(d.path, o.path) == d.url
			same := k < i && o == d
			covered = covered || inside || same
		}
		if !covered {
			out = append(out, d)
		}
	}
	return out
}

// send sends them. What the store has already is not sent again.
func (p *parcel) send(ctx context.Context) error {
	for _, d := range p.dispatches() {
		info, err := os.Stat(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return cause.Name(ctx, cause.Usage, "", err)
		}
		if err := p.sendOne(ctx, d, info.IsDir()); err != nil {
			return cause.Name(ctx, cause.StageOut, "", fmt.Errorf("sending %s: %w", d.path, err))
		}
	}
	return nil
}

func (p *parcel) sendOne(ctx context.Context, d dispatch, isDir bool) error {
	to, err := p.c.at(ctx, parent(d.url))
	if err != nil {
		return err
	}
	o := ferrysync.Options{Preserve: true, Progress: p.c.Progress, Event: p.c.refusals}
	name := path.Base(d.url)
	if !isDir {
		root, err := os.OpenRoot(path.Dir(d.path))
		if err != nil {
			return err
		}
		defer root.Close()
		_, err = p.c.Transfer.UpFile(ctx, root, path.Base(d.path), to.store, to.key(name), o)
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return err
	}
	defer root.Close()
	o.Filters = p.leftOut(d.path)
	_, err = p.c.Transfer.Up(ctx, root, to.store, to.key(name), o)
	return err
}

// leftOut are filters for what is of an earlier run, and is no input of this one.
func (p *parcel) leftOut(dir string) []ferrysync.Filter {
	if !subpath.Within(dir, p.meta) {
		return nil
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(p.meta, dir), "/")
	var all []ferrysync.Filter
	for _, n := range append(record.OwnNames(), handle.FileName, "exit_code.txt", "stdout.txt", "stderr.txt") {
		all = append(all, ferrysync.Filter{Pattern: path.Join(escape(rel), n)})
	}
	if p.script != nil {
		all = append(all, ferrysync.Filter{Pattern: path.Join(escape(rel), "exec.sh")})
	}
	return all
}

// escape makes a pattern that matches the name alone.
func escape(name string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(name)
}

// refusals tells of files that are not sent.
func (c *Client) refusals(e ferrysync.Event) {
	if e.Op == ferrysync.OpRefuse || e.Op == ferrysync.OpFail {
		c.Warn("%s: %v", e.Path, e.Err)
	}
}
