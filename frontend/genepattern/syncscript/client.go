package syncscript

import (
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/egress"
)

// nonblock keeps the opening of a named pipe from waiting for ever.
const nonblock = syscall.O_NONBLOCK

// newClient makes the client of one script's wgets, within the guard's bounds. It keeps no cookies and sends no credentials of
// ferry's.
func newClient(g egress.Guard, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return &http.Client{
		CheckRedirect: g.CheckRedirect(wgetRedirects),
		Transport: &http.Transport{
			Proxy:               g.Proxy(proxy),
			DialContext:         g.Dial,
			TLSHandshakeTimeout: 60 * time.Second,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true, // the file as the server has it
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
			// A header this long is an attack on the memory.
			MaxResponseHeaderBytes: 1 << 20,
		},
	}
}
