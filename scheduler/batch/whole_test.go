package batch_test

import (
	"bytes"
	"io"
	"net/http"
)

// whole sends requests whose bodies it has read before. The SDK closes the body of a request as soon as the answer begins, and
// net/http gives up a connection where it has not yet met the end of what it sends. A server on loopback answers fast enough for
// that, and these tests count requests, so that nothing is tried again.
type whole struct{}

// RoundTrip implements http.RoundTripper.
func (whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(sent)
}
