package registrytest

import (
	"net/http"
	"testing"
	"time"
)

// TestStopsAmidStalledRequests ends a registry whose fault holds every request, while a client asks again as soon as it is cut off, as
// an engine's pull does.
func TestStopsAmidStalledRequests(t *testing.T) {
	var r *Registry
	held, over := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(over)
		t.Run("registry", func(t *testing.T) {
			r = Start(t, Options{})
			r.Fail(func(_ http.ResponseWriter, req *http.Request) bool {
				select {
				case held <- struct{}{}:
				default:
				}
				<-req.Context().Done()
				panic(http.ErrAbortHandler)
			})
			for range 8 {
				go func(url string) {
					for {
						if answer, err := http.Get(url); err == nil {
							_ = answer.Body.Close()
						}
						select {
						case <-over:
							return
						default:
						}
					}
				}(r.URL + "/v2/a/blobs/sha256:0")
			}
			<-held
		})
	}()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatal("the registry waits for requests that its own fault holds")
	}
}
