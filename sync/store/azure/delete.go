package azure

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/genepattern/ferry/sync/store"
)

// deleted is how many blobs are removed at once.
const deleted = 16

// Delete removes the keys, a request each. A directory that is not empty stays, where directories are real: it is none of the keys'
// doing.
func (s *Store) Delete(ctx context.Context, keys []string) error {
	var (
		mu     sync.Mutex
		failed = map[string]error{}
		wg     sync.WaitGroup
		next   = make(chan string)
	)
	for range min(deleted, len(keys)) {
		wg.Go(func() {
			for k := range next {
				if err := deleteOne(ctx, s, k); err != nil {
					mu.Lock()
					failed[k] = err
					mu.Unlock()
				}
			}
		})
	}
	for _, k := range keys {
		next <- k
	}
	close(next)
	wg.Wait()
	for _, err := range failed {
		if ctx.Err() != nil || errors.Is(err, store.ErrUnreachable) || errors.Is(err, store.ErrNoBucket) || errors.Is(err, store.ErrCredentials) {
			return err
		}
	}
	if len(failed) > 0 {
		return &store.DeleteError{Keys: failed}
	}
	return nil
}

func deleteOne(ctx context.Context, s *Store, key string) error {
	name, isFolder := nameOf(key)
	if name == "" {
		return nil
	}
	if isFolder { // the key of a directory is not that of the file with its name
		if _, err := s.Stat(ctx, key); err != nil {
			if errors.Is(err, store.ErrNotExist) {
				return nil
			}
			return err
		}
	}
	r := request{op: "deleting", method: http.MethodDelete, key: name, want: http.StatusAccepted, about: key}
	err := s.send(ctx, &r, drained)
	var e *Error
	if errors.Is(err, store.ErrNotExist) || isFolder && errors.As(err, &e) && e.Code == "DirectoryIsNotEmpty" {
		return nil
	}
	return err
}
