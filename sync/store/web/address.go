package web

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/genepattern/ferry/sync/store/checksum"
)

// parse is Kind.Parse. The host may have a user and a password before it.
func parse(rest string) (host, key string, err error) {
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, key = rest[:end], strings.TrimPrefix(rest[end:], "/")
	if u, err := url.Parse("https://" + host); err != nil || u.Hostname() == "" {
		return "", "", errors.New("names no host")
	}
	if _, err := addressOf(key); err != nil {
		return "", "", err
	}
	// A prefix ends in no slash, but what is sent must be what was written.
	if i := strings.IndexAny(key, "?"); i >= 0 && strings.HasSuffix(key, "/") {
		key = strings.TrimRight(key, "/") + strings.Repeat("%2F", len(key)-len(strings.TrimRight(key, "/")))
	}
	return host, key, nil
}

// base is Kind.Base: the file name that a key ends in, decoded. It is "" where the key ends in none that a file can have.
func base(key string) string {
	a, err := addressOf(key)
	if err != nil || a.path == "" || strings.HasSuffix(a.path, "/") {
		return ""
	}
	name := path.Base(a.path)
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return ""
	}
	return name
}

// An address is a key taken apart. path and query are escaped.
type address struct {
	path, query string
	hasQuery    bool
	want        checksum.Sum // zero for none
}

// addressOf takes a key apart. Its error completes a sentence that begins with the URL.
func addressOf(key string) (a address, err error) {
	rest, digest, has := strings.Cut(key, "#")
	if has {
		if a.want, err = digestOf(digest); err != nil {
			return a, err
		}
	}
	a.path, a.query, a.hasQuery = strings.Cut(escape(rest), "?")
	return a, nil
}

// given are the digests that may stand behind a URL, with the lengths of their values in bytes. Public collections give MD5 where they
// give anything: it shows damage, but is no proof against a forger.
var given = map[checksum.Algorithm]int{checksum.SHA256: 32, checksum.SHA512: 64, checksum.SHA1: 20, checksum.MD5: 16}

func digestOf(s string) (checksum.Sum, error) {
	name, value, _ := strings.Cut(s, "=")
	algorithm := checksum.Algorithm(strings.ToLower(name))
	b, err := hex.DecodeString(value)
	if n := given[algorithm]; n == 0 || err != nil || len(b) != n {
		return checksum.Sum{}, fmt.Errorf(`has "#%s" behind it, which is no digest: #sha256=HEX, or sha512, sha1 or md5`, s)
	}
	return checksum.Sum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(b)}, nil
}

// escape escapes what a URL must not hold (RFC 3986, 2), and leaves alone what is escaped already.
func escape(s string) string {
	const keep = "-._~!$&'()*+,;=:@/?[]"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// url is where a key is.
func (s *Store) url(a address) *url.URL {
	u := s.root
	u.Opaque, u.RawQuery, u.ForceQuery = "", a.query, a.hasQuery && a.query == ""
	u.Path, u.RawPath = "/"+a.path, ""
	if plain, err := url.PathUnescape(a.path); err == nil {
		u.Path, u.RawPath = "/"+plain, "/"+a.path
	}
	return &u
}

// URL of a key, for messages: without user and password, and without what follows the path.
func (s *Store) URL(key string) string {
	shown := s.root.Scheme + "://" + s.root.Host
	if key == "" {
		return shown
	}
	key, _, _ = strings.Cut(key, "#")
	name, _, query := strings.Cut(key, "?")
	if query {
		name += "?…"
	}
	return shown + "/" + name
}
