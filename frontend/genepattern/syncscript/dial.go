package syncscript

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

var (
	errForbidden = errors.New("a sync script may not fetch from an address where nodes get their credentials")
	errRedirect  = errors.New("redirected to something other than http and https, or too often")
)

// nonblock keeps the opening of a named pipe from waiting for ever.
const nonblock = syscall.O_NONBLOCK

// forbidden are the addresses where a cloud's machines find their own credentials and metadata. A URL comes from a user of
// the server, who must not get the node's role with it. All of 169.254.0.0/16 is link-local: EC2's 169.254.169.254, ECS's
// 169.254.170.2, EKS's 169.254.170.23. The IPv6 ones are EC2's and EKS's own.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("ff00::/8"),
}

// embedded are the prefixes of IPv6 addresses that a gateway turns into the IPv4 address in their last four bytes.
var embedded = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("::/96")}

// allowed says that a connection to the address may be made.
func allowed(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if a.Is6() && slices.ContainsFunc(embedded, in) {
		b := a.As16()
		if four := netip.AddrFrom4([4]byte(b[12:])); !allowed(four) {
			return false
		}
	}
	return !a.IsUnspecified() && !slices.ContainsFunc(forbidden, in)
}

// dialer makes the connections of wgets, to allowed addresses only.
var dialer = &net.Dialer{Timeout: 60 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !allowed(ap.Addr()) {
		return fmt.Errorf("%s: %w", address, errForbidden)
	}
	return nil
}}

// newClient makes the client of one script's wgets. The address is checked when the connection is made, after names are
// resolved, and again for every redirect; of what goes through a proxy, which resolves names itself, only addresses are.
// It keeps no cookies and sends no credentials of ferry's.
func newClient(proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: func(req *http.Request) (*url.URL, error) {
				if a, err := netip.ParseAddr(req.URL.Hostname()); err == nil && !allowed(a) {
					return nil, fmt.Errorf("%s: %w", req.URL.Hostname(), errForbidden)
				}
				if proxy == nil {
					return nil, nil
				}
				return proxy(req)
			},
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 60 * time.Second,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true, // the file as the server has it
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
			// A header this long is an attack on the memory.
			MaxResponseHeaderBytes: 1 << 20,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > wgetRedirects || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
				return errRedirect
			}
			req.Header.Del("Referer") // may hold a query that is secret
			return nil
		},
	}
}
