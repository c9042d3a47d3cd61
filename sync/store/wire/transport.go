package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Limits of a connection in the making.
const (
	dialTimeout = 20 * time.Second
	keepAlive   = 30 * time.Second // between probes of an idle connection
)

// New makes a Transport with the proxy settings of the environment and the CA certificates of the machine.
func New() *http.Transport { return Tune(http.DefaultTransport.(*http.Transport).Clone()) }

// Timeouts of connections. 0 is the usual time, and a negative one no limit.
type Timeouts struct {
	// Patience is how long a store that answered before is waited for. 0 is retry.DefaultPatience.
	Patience time.Duration

	Connect time.Duration // for making one
	Read    time.Duration // for its silence while an answer is awaited
}

// A DialFunc connects, as net.Dialer.DialContext does. It is safe for concurrent use.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Tune is TuneFor with the usual times.
func Tune(t *http.Transport) *http.Transport { return TuneFor(t, Timeouts{}) }

// TuneFor makes t fit for many requests to one host, and returns it. t must not be in use yet. Its proxy, CA and TLS settings stay.
func TuneFor(t *http.Transport, limits Timeouts) *http.Transport {
	if limits.Connect == 0 {
		limits.Connect = dialTimeout
	}
	return TuneOver(t, (&net.Dialer{Timeout: max(0, limits.Connect), KeepAlive: keepAlive}).DialContext, limits)
}

// TuneOver is TuneFor with connections that dial makes, within limits of its own.
func TuneOver(t *http.Transport, dial DialFunc, limits Timeouts) *http.Transport {
	if limits.Read == 0 {
		limits.Read = stall
	}
	t.ForceAttemptHTTP2 = false // over HTTP/1.1 each request has a connection of its own
	if t.TLSClientConfig = t.TLSClientConfig.Clone(); t.TLSClientConfig == nil {
		t.TLSClientConfig = new(tls.Config)
	}
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.DisableCompression = true // an object with Content-Encoding is to arrive as it is
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 1024
	t.IdleConnTimeout = 60 * time.Second
	t.ReadBufferSize = 32 << 10  // a small object with its headers comes in one read
	t.WriteBufferSize = 32 << 10 // and leaves in one write
	t.DialContext = dialer(dial, limits.Read)
	t.DialTLSContext = tlsDialer(t.DialContext, t.TLSClientConfig, t.TLSHandshakeTimeout)
	return t
}

// OverTLS saves memory where all requests of rt go over TLS. It does nothing unless rt is an *http.Transport. net/http's own buffers of
// 4 KiB are enough then, because crypto/tls holds a record in any case, and gives no more than one at once.
func OverTLS(rt http.RoundTripper) {
	if t, ok := rt.(*http.Transport); ok {
		t.ReadBufferSize = 0
	}
}
