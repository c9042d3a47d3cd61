package syncscript

import (
	"net/http"
	"net/url"
	"syscall"

	"github.com/genepattern/ferry/internal/egress"
)

// nonblock keeps the opening of a named pipe from waiting for ever.
const nonblock = syscall.O_NONBLOCK

// newClient makes the client of one script's wgets, within the guard's bounds. It keeps no cookies and sends no credentials of
// ferry's.
func newClient(g egress.Guard, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return &http.Client{CheckRedirect: g.CheckRedirect(egress.Redirects), Transport: g.Transport(proxy)}
}
