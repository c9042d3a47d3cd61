package stores

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// An Opener opens stores. A process has one, so that all that goes to one bucket shares connections and credentials. It is
// safe for concurrent use.
type Opener struct {
	kinds    Registry
	settings store.Settings
	lookup   func(string) (string, bool)

	mu     sync.Mutex
	opened map[bucket]*opened
}

// A bucket tells stores apart: the part of a URL before the key prefix.
type bucket struct{ scheme, name string }

// An opened store is nil until it could be opened.
type opened struct {
	mu sync.Mutex
	st store.Store
}

// Opener makes an Opener of the kinds, with settings of any of them, and the environment that they may read. It touches
// nothing. Settings that CheckSettings does not like are its error.
func (r Registry) Opener(s store.Settings, lookup func(name string) (string, bool)) (*Opener, error) {
	if err := r.CheckSettings(s); err != nil {
		return nil, err
	}
	return &Opener{kinds: r, settings: s, lookup: lookup, opened: map[bucket]*opened{}}, nil
}

// Open gives the store that a URL names, and the key prefix in it without slashes at its end. The same bucket is the same
// Store, which stays the Opener's to close. It contacts nobody; an error is a *cause.Error of cause.Usage.
func (o *Opener) Open(ctx context.Context, url string) (store.Store, string, error) {
	at, kind, err := o.kinds.Parse(url)
	if err != nil {
		return nil, "", err
	}
	st, err := o.of(bucket{at.Scheme, at.Bucket}).get(func() (store.Store, error) {
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

// get opens the store unless it is open. Nobody waits for another bucket's configuration.
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

// own are the settings of the kind's options.
func own(k store.Kind, all store.Settings) store.Settings {
	mine := store.Settings{}
	for _, o := range k.Options {
		if v, ok := all[o.Name]; ok {
			mine[o.Name] = v
		}
	}
	return mine
}

// Close closes all stores. Nothing may be in use; what is opened afterwards is opened anew.
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
