package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// cpCommand makes `ferry cp`.
func cpCommand(kinds stores.Registry) *cli.Command {
	return transferCommand(kinds, cpOptions(kinds), runCp, &cli.Command{
		Name:  "cp",
		Usage: "copy a file or an object, as `aws s3 cp` does",
		Description: "SRC, DST or both are " + kinds.Forms() + "; the other is a local file or directory.\n" +
			"\"-\" is standard input, or standard output. A DST that ends in a slash, or is a directory, gets SRC's own name.",
	})
}

// cpOptions are all options of `ferry cp`.
func cpOptions(kinds stores.Registry) []syncOption {
	return append([]syncOption{
		{name: "recursive", usage: "copy all that lies below SRC, whatever DST has already", set: func(a *syncArgs) { a.recursive = true }},
		{name: "expected-size", usage: "a stream from standard input will have `BYTES`; needed above 160 GB", value: func(a *syncArgs, v string) (err error) {
			if a.expected, err = strconv.ParseInt(v, 10, 64); err != nil || a.expected < 1 {
				return fmt.Errorf("--expected-size: %q is no number of bytes", v)
			}
			return nil
		}},
	}, transferOptions(kinds)...)
}

// runCp does what the arguments ask for.
func runCp(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	stream := a.src == "-" || a.dst == "-"
	switch {
	case stream && (a.recursive || a.src == a.dst):
		return cause.Fail(cause.Usage, "ferry cp --help", "streaming is only compatible with one object and no --recursive")
	case stream:
		return runStream(ctx, a, kinds, stdout, stderr)
	case a.recursive:
		a.options.Manner.Always = true
		return runSync(ctx, a, kinds, stdout, stderr)
	}
	if a.way() == between {
		return copyOne(ctx, a, kinds, stdout, stderr)
	}
	return moveOne(ctx, a, kinds, stdout, stderr)
}

// included reports whether the filters let one file of this name pass.
func (a syncArgs) included(name string) bool { return ferrysync.Included(a.options.Filters, name) }

// openObject opens the store of one object, whose name is the URL's own, or name where the URL is a directory's.
func openObject(ctx context.Context, kinds stores.Registry, o *stores.Opener, url, name string) (st store.Store, key string, err error) {
	at, _, err := kinds.Parse(url)
	if err != nil {
		return nil, "", err
	}
	directory := strings.HasSuffix(url, "/") || isDirectory(url) || bucketOnly(url)
	if at.Prefix == "" && !directory { // of a directory as a store the whole path is the store's
		i := strings.LastIndexByte(url, '/')
		st, _, err = o.Open(ctx, url[:i+1])
		return st, url[i+1:], err
	}
	if st, key, err = o.Open(ctx, url); err != nil || !directory {
		return st, key, err
	}
	if key != "" {
		key += "/"
	}
	return st, key + name, nil
}

// isDirectory reports whether a URL is that of a directory of this machine.
func isDirectory(url string) bool {
	info, err := os.Stat(strings.TrimPrefix(url, "file://"))
	return filepath.IsAbs(strings.TrimPrefix(url, "file://")) && err == nil && info.IsDir()
}

// bucketOnly reports whether nothing follows the bucket in a URL.
func bucketOnly(url string) bool {
	_, rest, found := strings.Cut(url, "://")
	return found && !strings.Contains(rest, "/")
}

// nameOf is what follows the last slash of a URL or a path.
func nameOf(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// objectName is the file name of the object that a URL names; "" where it names none.
func objectName(kinds stores.Registry, url string) string {
	at, kind, err := kinds.Parse(url)
	if err == nil && kind.Base != nil {
		return kind.Base(at.Prefix)
	}
	if bucketOnly(url) {
		return ""
	}
	return nameOf(url)
}

// noObject is the error of a URL that names none.
func noObject(kinds stores.Registry, url string) error {
	hint := "--recursive copies all that lies below it"
	if kinds.CheckFor(url, store.Abilities{List: true}) != nil {
		hint = "the URL of one file is needed"
	}
	return cause.Fail(cause.Usage, hint, "%q names no object", egress.ShownAny(url))
}

// moveOne copies one file into a store, or one object out of it.
func moveOne(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	remote, local, down := a.direction()
	if err := kinds.CheckFor(remote, store.Abilities{Write: !down}); err != nil {
		return err
	}
	opener, err := kinds.Opener(a.settings, os.LookupEnv)
	if err != nil {
		return err
	}
	defer func() { _ = opener.Close() }() // nothing of it is in use any more
	st, key, err := openObject(ctx, kinds, opener, remote, filepath.Base(local))
	if err != nil {
		return err
	}
	if down {
		own := objectName(kinds, remote)
		if own == "" {
			return noObject(kinds, remote)
		}
		if info, err := os.Stat(local); strings.HasSuffix(local, "/") || err == nil && info.IsDir() {
			local = filepath.Join(local, own)
		}
	}
	name := filepath.Base(local)
	if !a.included(name) || !down && a.options.NoFollow && isLink(local) {
		return nil
	}
	root, err := a.openLocal(filepath.Dir(local), down)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := fitsFile(root, name, local, down); err != nil {
		return err
	}
	r := newSyncReport(a, st, filepath.Dir(local), down, stdout, stderr)
	a.options.Event, a.options.Progress = r.event, &r.progress
	e := ferrysync.New(ferrysync.Config{MaxTransfers: a.transfers})
	var s ferrysync.Stats
	if down {
		s, err = e.DownFile(ctx, st, key, root, name, a.options)
	} else {
		s, err = e.UpFile(ctx, root, name, st, key, a.options)
	}
	r.close(s, err)
	return syncError(ctx, s, err, down)
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// fitsFile is an error where a file to send is none.
func fitsFile(root *os.Root, name, local string, down bool) error {
	if down {
		return nil
	}
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cause.Fail(cause.Usage, "", "the user-provided path %s does not exist", local)
	case err == nil && info.IsDir():
		return cause.Fail(cause.Usage, "--recursive copies all that lies in it", "%q is a directory", local)
	}
	return nil
}

// copyOne copies one object from store to store.
func copyOne(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	name := objectName(kinds, a.src)
	if name == "" {
		return noObject(kinds, a.src)
	}
	if !a.included(name) {
		return nil
	}
	open, err := a.openers(kinds)
	if err != nil {
		return err
	}
	defer open.close()
	src, from, err := openObject(ctx, kinds, open.src, a.src, name)
	if err != nil {
		return err
	}
	dst, to, err := openObject(ctx, kinds, open.dst, a.dst, name)
	if err != nil {
		return err
	}
	r := newSyncReport(a, dst, "", false, stdout, stderr)
	r.ends = func(string) (string, string) { return src.URL(from), dst.URL(to) }
	a.options.Event, a.options.Progress = r.event, &r.progress
	s, err := ferrysync.New(ferrysync.Config{MaxTransfers: a.transfers}).CopyFile(ctx, src, from, dst, to, a.options)
	r.close(s, err)
	return syncError(ctx, s, err, false)
}

// runStream copies standard input into a store, or an object to standard output. Nothing else is printed there.
func runStream(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	down := a.dst == "-"
	remote := a.dst
	if down {
		remote = a.src
	}
	if !strings.Contains(remote, "://") {
		return cause.Fail(cause.Usage, "ferry cp --help", "%q is no place in a store", remote)
	}
	if err := kinds.CheckFor(remote, store.Abilities{Write: !down}); err != nil {
		return err
	}
	if objectName(kinds, remote) == "" {
		return cause.Fail(cause.Usage, "", "%q names no object", egress.ShownAny(remote))
	}
	opener, err := kinds.Opener(a.settings, os.LookupEnv)
	if err != nil {
		return err
	}
	defer func() { _ = opener.Close() }() // nothing of it is in use any more
	st, key, err := openObject(ctx, kinds, opener, remote, "")
	if err != nil {
		return err
	}
	a.onlyErrors = !a.options.DryRun
	r := newSyncReport(a, st, "", down, stdout, stderr)
	r.ends = func(string) (string, string) {
		if down {
			return st.URL(key), "-"
		}
		return "-", st.URL(key)
	}
	a.options.Event, a.options.Progress = r.event, &r.progress
	e := ferrysync.New(ferrysync.Config{MaxTransfers: a.transfers})
	var s ferrysync.Stats
	if down {
		s, err = e.DownStream(ctx, st, key, stdout, a.options)
	} else {
		s, err = e.UpStream(ctx, os.Stdin, st, key, a.expected, a.options)
	}
	r.close(s, err)
	return syncError(ctx, s, err, down)
}
