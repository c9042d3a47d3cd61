package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestAllowed(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.0.0.5": true, "93.184.216.34": true, "2606:2800::1": true, "fd12:3456::1": true,
		"64:ff9b::5db8:d822": true, "64:ff9b:1::5db8:d822": true, "2002:5db8:d822::1": true, "::ffff:0:93.184.216.34": true, "::ffff:93.184.216.34": true,

		"169.254.169.254": false, "169.254.170.2": false, "169.254.170.23": false, "100.100.100.200": false, "168.63.129.16": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "224.0.0.1": false, "ff02::1": false,
		"fd00:ec2::254": false, "fd00:ec2::23": false, "fe80::1%eth0": false, "fd20:ce::254": false,
		"::ffff:169.254.169.254": false, "::169.254.169.254": false, "::ffff:0:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false,
		"64:ff9b:1::a9fe:a9fe": false, "64:ff9b:1:a9fe:a9:fe00::": false, "64:ff9b:1:a9:fe:a9fe::": false, "64:ff9b:1:0:a9:fea9:fe00:0": false,
		"2002:a9fe:a9fe::": false, "2002:a9fe:aa02:1::1": false, "2001:0:a9fe:a9fe::1": false, "2001:0:4136:e378:8000:63bf:5601:5601": false,
		"2606:2800::5efe:a9fe:a9fe": false, "fd12::200:5efe:169.254.169.254": false,
	} {
		if got := Allowed(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Allowed(%s) = %v", addr, got)
		}
	}
	if Allowed(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

// names is a resolver that knows these names only.
func names(t *testing.T, known map[string]string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(answer(b[:n], known), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// answer answers a question of DNS (RFC 1035): an A record, nothing for AAAA, or that there is no such name.
func answer(q []byte, known map[string]string) []byte {
	name, i := "", 12
	for ; q[i] != 0; i += int(q[i]) + 1 {
		name += string(q[i+1:i+1+int(q[i])]) + "."
	}
	question := q[12 : i+5]
	r := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	addr, ok := known[strings.ToLower(strings.TrimSuffix(name, "."))]
	switch {
	case !ok:
		r[3] |= 3 // NXDOMAIN
	case binary.BigEndian.Uint16(q[i+1:]) == 1:
		r[7] = 1
		four := netip.MustParseAddr(addr).As4()
		r = append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		r = append(r, four[:]...)
	}
	return r
}

// Whatever form the address of a node's credentials has, neither a connection is made nor a proxy asked, also after a redirect.
func TestNothingLeadsToCredentials(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Host+r.URL.Path)
		mu.Unlock()
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, "content")
	}))
	defer srv.Close()
	at, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := at.Port()
	g := Guard{Resolver: names(t, map[string]string{"here.example": "127.0.0.1", "evil.example": "169.254.169.254", "ecs.evil.example": "169.254.170.2"})}
	forms := []string{
		"169.254.169.254", "169.254.169.254.", "[::ffff:169.254.169.254]", "[::ffff:0:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
		"[2002:a9fe:a9fe::]", "[fd00:ec2::254]", "[fe80::1%25lo]", "0.0.0.0",
		"2852039166", "2852039166.", "0xa9fea9fe", "0XA9FEA9FE", "025177524776", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "169.16689662",
		"169.0xfe.0251.254", "425.510.425.510", "0169.254.169.254", "evil.example", "evil.example.", "ECS.evil.example", "١٦٩.٢٥٤.١٦٩.٢٥٤", "169。254。169。254", "１６９.254.169.254",
	}
	for _, proxied := range []bool{false, true} {
		var choose func(*http.Request) (*url.URL, error)
		if proxied {
			choose = http.ProxyURL(at)
		}
		transport := &http.Transport{Proxy: g.Proxy(choose), DialContext: g.Dial}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, CheckRedirect: g.CheckRedirect(20)}
		get := func(u string) error {
			resp, err := client.Get(u)
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		}
		for _, host := range forms {
			for _, u := range []string{"http://" + host + "/secret", "https://" + host + "/secret", "http://here.example:" + port + "/?to=" + url.QueryEscape("http://"+host+"/secret")} {
				err := get(u)
				odd := strings.ContainsFunc(host, func(r rune) bool { return r > 0x80 }) && !proxied // nobody resolves it
				if err == nil || !errors.Is(err, ErrForbidden) && !odd {
					t.Errorf("proxied %v: %s gives %v", proxied, u, err)
				}
			}
		}
		if err := get("http://here.example:" + port + "/fine"); err != nil {
			t.Errorf("proxied %v: %v", proxied, err)
		}
		for _, to := range []string{"ftp://here.example/x", "file:///etc/passwd", "gopher://here.example/"} {
			if err := get("http://here.example:" + port + "/?to=" + url.QueryEscape(to)); !errors.Is(err, ErrRedirect) {
				t.Errorf("proxied %v: a redirect to %s gives %v", proxied, to, err)
			}
		}
	}
	if _, err := g.Dial(t.Context(), "tcp", "evil.example:21"); !errors.Is(err, ErrForbidden) {
		t.Errorf("a connection by name gives %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, a := range asked {
		if strings.Contains(a, "secret") {
			t.Errorf("somebody was asked for %s", a)
		}
	}
}

func TestShown(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/a/b":                      "http://h/a/b",
		"http://ann:hidden@h:80/a?k=hidden": "http://h:80/a?…",
		"ftp://hidden@h/ann@example.org/f":  "ftp://h/ann@example.org/f",
		"http://h/a#hidden":                 "http://h/a",
		"http://ann:hid%zzden@h/":           "http://…",
		"http://ann:hid/den@h/":             "http://…",
		"http://ann:hid?den@h/":             "http://…",
		"http://ann:hid\x7fden@h/":          "http://…",
		"http://[hidden":                    "http://…",
		"ann:hidden@h/x":                    "…",
		"hid\nden://x":                      "…",
	} {
		if got := Shown(raw); got != want {
			t.Errorf("%q is shown as %q, want %q", raw, got, want)
		}
	}
	if got := Scrub(`no "ftp://ann:hid%zz@h/x" and http://hidden@h/ann@example.org`); strings.Contains(got, "hid") || !strings.Contains(got, "h/ann@example.org") {
		t.Errorf("scrubbed: %s", got)
	}
}

// Credentials stay with the host that they were given for, and with TLS.
func TestRedirectsKeepCredentials(t *testing.T) {
	follow := Guard{}.CheckRedirect(3)
	for to, keeps := range map[string]bool{
		"https://h.example/other": true, "http://h.example/other": false, "https://sub.h.example/": false, "https://h.example:8443/": false, "https://evil.example/": false,
	} {
		first, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://h.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		next, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		next.Header = http.Header{"Authorization": {"secret"}, "Cookie": {"secret"}, "Referer": {"secret"}}
		err = follow(next, []*http.Request{first})
		if has := next.Header.Get("Authorization") != "" || next.Header.Get("Cookie") != ""; err != nil || has != keeps || next.Header.Get("Referer") != "" {
			t.Errorf("to %s: %v, %v", to, next.Header, err)
		}
	}
}
