package stores

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// An Opener opens stores. A process has one Opener, so all requests to one bucket share connections and credentials. It is safe for
// concurrent use.
type Opener struct {
	kinds    Registry
	settings store.Settings
	lookup   func(string) (string, bool)

	mu     sync.Mutex
	opened map[bucket]*opened
}

// A bucket tells stores apart: the part of a URL before the key prefix.
type bucket struct {
	scheme, name string
	secret       store.Secret
}

// An opened is a bucket's store, which is nil until it could be opened.
type opened struct {
	mu sync.Mutex
	st store.Store
}

// Opener makes an Opener of the kinds. s has settings of any of them, and lookup is the environment that they may read. It opens
// nothing. Its error is that of CheckSettings.
func (r Registry) Opener(s store.Settings, lookup func(name string) (string, bool)) (*Opener, error) {
	if err := r.CheckSettings(s); err != nil {
		return nil, err
	}
	return &Opener{kinds: r, settings: s, lookup: lookup, opened: map[bucket]*opened{}}, nil
}

// Open gives the store that a URL names, and the key prefix in it without slashes at its end. The same bucket gives the same Store,
// which the Opener closes. Open sends nothing to the store. Its error is a *cause.Error of cause.Usage.
func (o *Opener) Open(ctx context.Context, url string) (store.Store, string, error) {
	at, kind, err := o.kinds.Parse(url)
	if err != nil {
		return nil, "", err
	}
	st, err := o.of(bucket{at.Scheme, at.Bucket, at.Secret}).get(func() (store.Store, error) {
		return kind.Open(ctx, store.Opening{Location: at, Settings: own(kind, o.settings), Lookup: o.lookup})
	})
	if err != nil {
		return nil, "", cause.Name(context.WithoutCancel(ctx), cause.Usage, "", err)
	}
	return st, at.Prefix, nil
}

func (o *Opener) of(b bucket) *opened {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.opened[b]
	if !ok {
		e = new(opened)
		o.opened[b] = e
	}
	return e
}

// get gives the store, and opens it if it is not open. It locks this bucket alone, so nobody waits for another bucket.
func (e *opened) get(open func() (store.Store, error)) (store.Store, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.st != nil {
		return e.st, nil
	}
	st, err := open()
	if err != nil {
		return nil, err
	}
	e.st = st
	return st, nil
}

// own are the settings that are options of the kind.
func own(k store.Kind, all store.Settings) store.Settings {
	mine := store.Settings{}
	for _, o := range k.Options {
		if v, ok := all[o.Name]; ok {
			mine[o.Name] = v
		}
	}
	return mine
}

// Close closes all stores, none of which may be in use. The Opener can be used again, and then opens stores anew.
func (o *Opener) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, e := range o.opened {
		if c, ok := e.st.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	o.opened = map[bucket]*opened{}
	return errors.Join(errs...)
}
