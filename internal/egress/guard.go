package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrRedirect is what fails a redirect that is not followed.
var ErrRedirect = errors.New("redirected to something other than http and https, or too often")

// Times that a connection may take to be made, and a name to be resolved that a proxy is to be asked for.
const (
	dialTime    = 60 * time.Second
	resolveTime = 10 * time.Second
)

// A Guard makes connections to allowed addresses only. The zero value is ready.
//
// The address is judged when the connection is made, so after names are resolved, and for every redirect again. A proxy resolves
// names by itself. So a name is resolved here too before a proxy is asked for it. A name that only the proxy can resolve is passed
// on: a proxy that reaches addresses of credentials must refuse them itself.
type Guard struct {
	Resolver *net.Resolver // nil for the machine's
}

// Dial connects to an allowed address. It is a DialContext.
func (g Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime, Resolver: g.Resolver, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !Allowed(ap.Addr()) {
			return fmt.Errorf("%s: %w", address, ErrForbidden)
		}
		return nil
	}}
	return d.DialContext(ctx, network, address)
}

// Proxy is choose, which may be nil, for a transport's Proxy. It is an error where the proxy must not be asked for the URL.
func (g Guard) Proxy(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		host := req.URL.Hostname()
		if err := literal(host); err != nil || choose == nil {
			return nil, err
		}
		proxy, err := choose(req)
		if err != nil || proxy == nil {
			return nil, err
		}
		return proxy, g.name(req.Context(), host)
	}
}

// CheckRedirect is a client's CheckRedirect that follows at most limit redirects, to HTTP only. Credentials for the first host go to no
// other one.
func (g Guard) CheckRedirect(limit int) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) > limit || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
			return ErrRedirect
		}
		req.Header.Del("Referer") // may hold a query that is secret
		// net/http lets subdomains have them, and a server without TLS.
		if first := via[0].URL; req.URL.Host != first.Host || first.Scheme == "https" && req.URL.Scheme != "https" {
			req.Header.Del("Authorization")
			req.Header.Del("Cookie")
		}
		return nil
	}
}

// Redirects is how many are followed of a URL that a user names. It is GNU wget's --max-redirect.
const Redirects = 20

// maxHeader bounds the header of an answer, in bytes. One this long is an attack on the memory.
const maxHeader = 1 << 20

// Transport makes a Transport that connects to allowed addresses only, through the proxy that choose gives. It brings files as their
// servers have them, and sends no credentials. choose may be nil.
func (g Guard) Transport(choose func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  g.Proxy(choose),
		DialContext:            g.Dial,
		TLSHandshakeTimeout:    dialTime,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// literal judges a host that is an address. What only looks like one is refused: "2852039166", "0xa9.254.43518" and
// "0251.0376.0251.0376" are 169.254.169.254 to many programs, and a proxy may be one of them. No name ends in a number.
func literal(host string) error {
	bare := strings.TrimRight(host, ".")
	if a, err := netip.ParseAddr(bare); err == nil {
		if !Allowed(a) {
			return fmt.Errorf("%s: %w", host, ErrForbidden)
		}
		return nil
	}
	end := strings.ToLower(bare[strings.LastIndex(bare, ".")+1:])
	if hex, ok := strings.CutPrefix(end, "0x"); ok && strings.Trim(hex, "0123456789abcdef") == "" || strings.Trim(end, "0123456789") == "" {
		return fmt.Errorf("%q is no plain address: %w", host, ErrForbidden)
	}
	return nil
}

// name judges a host that a proxy is to be asked for.
func (g Guard) name(ctx context.Context, host string) error {
	for _, r := range host {
		if r >= 0x80 { // many characters become a dot or a digit on their way
			return fmt.Errorf("%q is not in ASCII (xn--…), and the proxy may take it for another: %w", host, ErrForbidden)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	r := g.Resolver
	if r == nil {
		r = net.DefaultResolver
	}
	all, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil // known to the proxy alone
	}
	for _, a := range all {
		if !Allowed(a) {
			return fmt.Errorf("%s is %s: %w", host, a, ErrForbidden)
		}
	}
	return nil
}
