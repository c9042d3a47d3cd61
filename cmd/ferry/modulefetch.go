package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A fetcher fetches what a person names by URL, as that person.
type fetcher struct {
	world    world
	settings store.Settings
	guard    egress.Guard // a module, and a server by a redirect, name URLs too
	limit    int64        // of a file's bytes; 0 for none
}

func newFetcher(w world, settings store.Settings) fetcher {
	return fetcher{world: w, settings: settings}
}

// fetch brings the content of a URL into a directory, under the name that its server gives it, and gives the file's path. Its error has
// a cause.
func (f fetcher) fetch(ctx context.Context, address, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", cause.Name(ctx, cause.Usage, "", err)
	}
	body, err := f.open(ctx, address)
	if err != nil {
		return "", cause.Name(ctx, cause.StageIn, "", fmt.Errorf("fetching %s: %w", egress.ShownAny(address), err))
	}
	defer func() { _ = body.Close() }()
	file := filepath.Join(dir, fetchedName(body.r.Extra.Name, address))
	w, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		err = errors.Join(body.copyTo(f.bounded(w)), w.Close())
	}
	if err != nil {
		_ = os.Remove(file)
		return "", cause.Name(ctx, cause.StageIn, "", fmt.Errorf("fetching %s: %w", egress.ShownAny(address), err))
	}
	return file, nil
}

// bounded is a file that takes no more than there may be of one.
func (f fetcher) bounded(w io.Writer) io.Writer {
	if f.limit == 0 {
		return w
	}
	return &boundedWriter{w, f.limit, f.limit}
}

type boundedWriter struct {
	w           io.Writer
	left, limit int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("it is larger than %s", units.BytesSize(float64(b.limit)))
	}
	return b.w.Write(p)
}

// A fetchedObject is being read, of a store that is its own.
type fetchedObject struct {
	r      *store.Reader
	opener *stores.Opener
}

// open begins to read what is at a URL.
func (f fetcher) open(ctx context.Context, address string) (*fetchedObject, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	address = strings.ToLower(scheme) + "://" + rest
	opener, err := stores.All.Opener(f.settings, f.world.lookup)
	if err != nil {
		return nil, err
	}
	st, key, err := opener.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	r, err := st.Open(ctx, key, store.OpenOptions{})
	if err != nil {
		return nil, errors.Join(err, opener.Close())
	}
	return &fetchedObject{r, opener}, nil
}

// fetchedName is the name that a server gives a file, or else that of its URL. Both may hold anything.
func fetchedName(given, address string) string {
	if given == "" {
		given = module.URLName(address)
	}
	if name := module.SafeName(given); name != "" {
		return name
	}
	return "download"
}

// copyTo writes all of the object, verified by what there is.
func (o *fetchedObject) copyTo(w io.Writer) error {
	sum := checksum.New(o.r.Sum.Algorithm)
	if sum == nil {
		_, err := io.Copy(w, o.r)
		return err
	}
	_, err := io.Copy(io.MultiWriter(w, sum), o.r)
	if err == nil && base64.StdEncoding.EncodeToString(sum.Sum(nil)) != o.r.Sum.Value {
		err = fmt.Errorf("its content does not match its %s", o.r.Sum.Algorithm)
	}
	return err
}

func (o *fetchedObject) Close() error { return errors.Join(o.r.Close(), o.opener.Close()) }

func fileExists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// settingsOf are the options of stores among a job's.
func settingsOf(s job.Settings) store.Settings { return store.Settings(storeSettings(s)) }
