package syncscript

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

func (d *download) do(ctx context.Context, t *task) error {
	st, err := t.open(ctx, d.bucket)
	if err != nil {
		return err
	}
	switch {
	case d.single:
		err = d.copy(ctx, t, st)
	case d.names != nil:
		err = d.fetchNamed(ctx, t, st)
	default:
		err = d.tree(ctx, t, st, d.options.Filters)
	}
	return classify(err)
}

// url is a key as people write it.
func (d *download) url(key string) string { return "s3://" + d.bucket + "/" + key }

// prepared are the options with an event hook that writes a line a file, as the AWS CLI does.
// byKey says that one object is asked for by its key, and may be missing.
func (d *download) prepared(t *task, dest string, byKey bool) ferrysync.Options {
	o := d.options
	o.Space = t.work.Space
	o.Filters = nil
	o.Event = func(e ferrysync.Event) {
		if errors.Is(e.Err, store.ErrNotExist) && byKey {
			return // a warning, see missing
		}
		t.event(e)
		switch {
		case errors.Is(e.Err, ferrysync.ErrStopped): // why is told once
		case e.Op == ferrysync.OpRefuse || e.Op == ferrysync.OpFail:
			t.stderr(fmt.Sprintf("%s: %s: %v\n", e.Op, d.url(e.Key), e.Err))
		case d.quiet:
		case e.Op == ferrysync.OpDownload:
			t.stdout(fmt.Sprintf("download: %s to %s\n", d.url(e.Key), t.shown(path.Join(dest, e.Path))))
		case e.Op == ferrysync.OpDelete:
			t.stdout(fmt.Sprintf("delete: %s\n", t.shown(path.Join(dest, e.Path))))
		}
	}
	return o
}

// tree fetches what lies under the key prefix.
func (d *download) tree(ctx context.Context, t *task, st store.Store, filters []ferrysync.Filter) error {
	if !d.options.Delete && !d.options.DryRun && t.covered(d.bucket, d.key, d.dest) {
		return nil
	}
	if err := t.work.Root.MkdirAll(d.dest, 0o755); err != nil {
		return err
	}
	dir, err := t.work.Root.OpenRoot(d.dest)
	if err != nil {
		return err
	}
	defer dir.Close()
	o := d.prepared(t, d.dest, false)
	for _, f := range filters {
		o.Filters = append(o.Filters, f)
		// A name with a bracket is no pattern that matches itself, but the server writes it as if it were.
		if f.Include && strings.Contains(f.Pattern, "[") {
			o.Filters = append(o.Filters, ferrysync.Filter{Include: true, Pattern: literal(f.Pattern)})
		}
	}
	stats, err := t.work.Transfer.Down(ctx, st, d.key, dir, o)
	t.count(stats)
	if err == nil && stats.Files+stats.Skipped == 0 && !d.options.DryRun {
		text := fmt.Sprintf("%s holds nothing that was asked for%s", d.url(d.key), asked(filters))
		t.stdout("warning: " + text + "\n")
		t.warn(text)
	}
	return err
}

// asked tells a warning's reader which names were wanted.
func asked(filters []ferrysync.Filter) string {
	var names []string
	for _, f := range filters {
		if f.Include && len(names) < 10 {
			names = append(names, fmt.Sprintf("%q", f.Pattern))
		}
	}
	if names == nil {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// fetchNamed fetches files by name, with no listing of the directory they are in, which may be large. A name that is not
// there is a warning. One with a bracket may have been meant as a pattern, so it is then tried as such.
func (d *download) fetchNamed(ctx context.Context, t *task, st store.Store) error {
	var errs []error
	for _, name := range d.names {
		if t.covered(d.bucket, d.key, d.dest) {
			if _, err := t.work.Root.Lstat(path.Join(d.dest, name)); err == nil {
				continue
			}
		}
		err := d.one(ctx, t, st, strings.TrimPrefix(d.key+"/"+name, "/"), path.Join(d.dest, name))
		switch {
		case !errors.Is(err, store.ErrNotExist):
			errs = append(errs, err)
		case strings.Contains(name, "["):
			errs = append(errs, d.tree(ctx, t, st, []ferrysync.Filter{{Pattern: "*"}, {Include: true, Pattern: name}}))
		default:
			d.missing(t, strings.TrimPrefix(d.key+"/"+name, "/"))
		}
	}
	return errors.Join(errs...)
}

// copy is cp of one object, to a file or into a directory.
func (d *download) copy(ctx context.Context, t *task, st store.Store) error {
	dest := d.dest
	if s, err := t.work.Root.Stat(dest); d.into || err == nil && s.IsDir() {
		dest = path.Join(dest, path.Base(d.key))
	}
	err := d.one(ctx, t, st, d.key, dest)
	if errors.Is(err, store.ErrNotExist) {
		d.missing(t, d.key)
		return errMissing
	}
	return err
}

// missing says so in every log, that of the script's own too.
func (d *download) missing(t *task, key string) {
	text := fmt.Sprintf("%s is not in the store", d.url(key))
	t.stdout("warning: " + text + "\n")
	t.warn(text)
}

// errMissing fails a command whose file is not in the store, without failing the job: the module may not need it.
var errMissing = errors.New("no such object")

func (d *download) one(ctx context.Context, t *task, st store.Store, key, dest string) error {
	if st, err := t.work.Root.Lstat(dest); err == nil && st.IsDir() {
		return fmt.Errorf("%s is to be a file, but the job has a directory there; is it listed among the binds?", t.shown(dest))
	}
	if err := t.work.Root.MkdirAll(above(dest), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	stats, err := t.work.Transfer.DownFile(ctx, st, key, t.work.Root, dest, d.prepared(t, "", true))
	t.count(stats)
	return err
}

// classify gives a transfer's error the cause that the job ends with.
func classify(err error) error {
	switch {
	case err == nil || errors.Is(err, errMissing):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, store.ErrUnreachable):
		return err // a connection's timeout, too, says that it is context.DeadlineExceeded
	}
	return cause.Name(context.Background(), cause.StageIn, "", err)
}

// hard says that the failure of a command ends the job. Only a transfer's does: for everything else the script's writer
// goes on, as bash did.
func hard(err error) bool {
	causes := []cause.Cause{cause.StageIn, cause.Disk, cause.Refused, cause.Usage}
	return slices.Contains(causes, cause.Of(err))
}
