package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
	"github.com/genepattern/ferry/wrapper/record"
)

// shared is what jobs of one process have in common: the description of their array, connections to engines and stores, and what the
// node is. What could not be had is asked for again by the next job. It is safe for concurrent use. A nil one shares nothing.
type shared struct {
	mu      sync.Mutex
	files   map[string]*handle.File
	engines map[string]engine.Engine
	openers map[string]*stores.Opener
	node    *record.Node
}

func newShared() *shared {
	return &shared{files: map[string]*handle.File{}, engines: map[string]engine.Engine{}, openers: map[string]*stores.Opener{}}
}

// kept gives what all has under a key, or makes it. One job makes it, while the others that ask for something wait.
func kept[T any](s *shared, all func(*shared) map[string]T, key string, make func() (T, error)) (T, error) {
	if s == nil {
		return make()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := all(s)
	if v, ok := m[key]; ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		m[key] = v
	}
	return v, err
}

// file is the description of the job with a handle.
func (s *shared) file(ctx context.Context, opener *stores.Opener, url string) (*handle.File, error) {
	return kept(s, func(s *shared) map[string]*handle.File { return s.files }, url, func() (*handle.File, error) {
		return submit.ReadFile(ctx, opener.Open, url)
	})
}

func (s *shared) engine(name string, open func() (engine.Engine, error)) (engine.Engine, error) {
	return kept(s, func(s *shared) map[string]engine.Engine { return s.engines }, name, open)
}

func (s *shared) opener(settings store.Settings, lookup func(string) (string, bool)) (*stores.Opener, error) {
	return kept(s, func(s *shared) map[string]*stores.Opener { return s.openers }, fmt.Sprintf("%q", settings), func() (*stores.Opener, error) {
		return stores.All.Opener(settings, lookup)
	})
}

// nodeOf is what ask says this node is.
func (s *shared) nodeOf(ctx context.Context, ask func(context.Context) (record.Node, error)) (record.Node, error) {
	if s == nil {
		return ask(ctx)
	}
	s.mu.Lock()
	known := s.node
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	n, err := ask(ctx) // beside the job: nobody waits for it
	if err == nil {
		s.mu.Lock()
		s.node = &n
		s.mu.Unlock()
	}
	return n, err
}
