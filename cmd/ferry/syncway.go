package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A way is where a transfer goes.
type way int

const (
	up      way = iota // from a local directory into a store
	down               // the other way
	between            // from a store into a store
)

// way is told by the paths: what has a scheme is in a store.
func (a syncArgs) way() way {
	src, dst := strings.Contains(a.src, "://"), strings.Contains(a.dst, "://")
	switch {
	case src && dst:
		return between
	case dst:
		return up
	}
	return down
}

// fits is an error where an option goes with other paths only, in the AWS CLI's words.
func (a syncArgs) fits() error {
	forms := map[way]string{up: "<LocalPath> <S3Uri>", down: "<S3Uri> <LocalPath>", between: "<S3Uri> <S3Uri>"}
	for _, o := range []struct {
		name string
		ways []way
	}{{"checksum-algorithm", []way{up, between}}, {"checksum-mode", []way{down}}, {"sse-c-copy-source", []way{between}}} {
		if _, ok := a.settings[o.name]; !ok {
			continue
		}
		var want []string
		for _, w := range o.ways {
			if w == a.way() {
				want = nil
				break
			}
			want = append(want, forms[w])
		}
		if want != nil {
			return fmt.Errorf("expected %s parameter to be used with one of following path formats: %s. Instead, received %s", o.name, strings.Join(want, ", "), forms[a.way()])
		}
	}
	return nil
}

// openers are those of a copy's source and destination. The source may have a region of its own, and then has no endpoint but what the
// environment says.
type openers struct{ src, dst *stores.Opener }

func (o openers) close() {
	_, _ = o.src.Close(), o.dst.Close() // nothing of them is in use any more
}

func (a syncArgs) openers(kinds stores.Registry) (o openers, err error) {
	if err := kinds.CheckFor(a.dst, store.Abilities{List: true, Write: true, Delete: a.options.Delete}); err != nil {
		return o, err
	}
	settings := maps.Clone(a.settings)
	if a.sourceRegion != "" {
		settings["region"] = a.sourceRegion
		delete(settings, "endpoint-url")
	}
	if o.src, err = kinds.Opener(settings, os.LookupEnv); err != nil {
		return o, err
	}
	o.dst, err = kinds.Opener(a.settings, os.LookupEnv)
	return o, err
}

// runBetween makes one place in a store like another one.
func runBetween(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	open, err := a.openers(kinds)
	if err != nil {
		return err
	}
	defer open.close()
	src, from, err := open.src.Open(ctx, a.src)
	if err != nil {
		return err
	}
	dst, to, err := open.dst.Open(ctx, a.dst)
	if err != nil {
		return err
	}
	r := newSyncReport(a, dst, "", false, stdout, stderr)
	r.ends = func(path string) (string, string) { return below(src, from, path), below(dst, to, path) }
	a.options.Event, a.options.Progress = r.event, &r.progress
	s, err := ferrysync.New(ferrysync.Config{MaxTransfers: a.transfers}).Copy(ctx, src, from, dst, to, a.options)
	r.close(s, err)
	return syncError(ctx, s, err, false)
}

// below is the URL of a path below a prefix.
func below(st store.Store, prefix, path string) string {
	if prefix != "" {
		path = prefix + "/" + path
	}
	return st.URL(path)
}
