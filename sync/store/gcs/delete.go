package gcs

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/genepattern/ferry/sync/store"
)

// deleting is how many objects are deleted at once. Each takes a request.
const deleting = 16

// Delete removes the keys.
func (s *Store) Delete(ctx context.Context, keys []string) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := map[string]error{}
	slots := make(chan struct{}, deleting)
	for _, k := range keys {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := s.remove(ctx, k, ""); err != nil {
				mu.Lock()
				failed[k] = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(failed) > 0 {
		return &store.DeleteError{Keys: failed}
	}
	return nil
}

// remove removes an object, of one generation where that is not "". One that is not there is no error.
func (s *Store) remove(ctx context.Context, key, generation string) error {
	r := request{op: "deleting", key: key, method: http.MethodDelete, path: s.c.objectPath(key), ok: []int{http.StatusNoContent, http.StatusOK}}
	if generation != "" {
		r.query = map[string][]string{"ifGenerationMatch": {generation}}
	}
	err := s.c.send(ctx, &r, func(resp *http.Response) error { return resp.Body.Close() })
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	return err
}
