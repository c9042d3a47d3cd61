package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An authorizer makes a request one that the service accepts. It is safe for concurrent use.
type authorizer interface {
	authorize(rq *http.Request) error
	// renew is called after the service refused what authorize gave. It reports whether another try may have something better.
	renew() bool
	// anonymous reports whether requests go without any authorization.
	anonymous() bool
	// over reports whether the credentials are known to have ended.
	over() bool
	// note says what else there is to know about the credentials where they are refused; "" for nothing. It holds no secret.
	note() string
}

// A sharedKey is the key of an account.
type sharedKey struct {
	account string
	key     []byte
}

var _ authorizer = (*sharedKey)(nil)

func (k *sharedKey) renew() bool     { return false }
func (k *sharedKey) anonymous() bool { return false }
func (k *sharedKey) over() bool      { return false }
func (k *sharedKey) note() string {
	return "is the key that was found that of the account " + strconv.Quote(k.account) + ", and this machine's clock right?"
}

// authorize signs the request.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func (k *sharedKey) authorize(rq *http.Request) error {
	rq.Header["X-Ms-Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	mac := hmac.New(sha256.New, k.key)
	mac.Write(k.toSign(rq))
	rq.Header["Authorization"] = []string{"SharedKey " + k.account + ":" + base64Of(mac.Sum(nil))}
	return nil
}

// signed are the standard headers in the order in which they are signed, after the method. The place of Date is empty where there is
// x-ms-date.
var signed = []string{"Content-Encoding", "Content-Language", "Content-Length", "Content-Md5", "Content-Type", "", "If-Modified-Since", "If-Match",
	"If-None-Match", "If-Unmodified-Since", "Range"}

func (k *sharedKey) toSign(rq *http.Request) []byte {
	b := append(make([]byte, 0, 512), rq.Method...)
	b = append(b, '\n')
	for _, h := range signed {
		switch {
		case h == "Content-Length" && rq.ContentLength > 0:
			b = strconv.AppendInt(b, rq.ContentLength, 10)
		case len(rq.Header[h]) > 0:
			b = append(b, rq.Header[h][0]...)
		}
		b = append(b, '\n')
	}
	b = appendHeaders(b, rq.Header)
	b = append(append(b, '/'), k.account...)
	if path := rq.URL.EscapedPath(); path != "" {
		b = append(b, path...)
	} else {
		b = append(b, '/')
	}
	return appendQuery(b, rq.URL.Query())
}

// appendHeaders appends the service's own headers, a line each.
func appendHeaders(b []byte, all http.Header) []byte {
	var names []string
	for h := range all {
		if strings.HasPrefix(h, "X-Ms-") {
			names = append(names, h)
		}
	}
	slices.SortFunc(names, func(x, y string) int { return strings.Compare(collated(x), collated(y)) })
	for _, h := range names {
		b = append(b, strings.ToLower(h)...)
		b = append(b, ':')
		b = append(b, strings.TrimSpace(all[h][0])...)
		b = append(b, '\n')
	}
	return b
}

// collated is a name as the service compares it: without dashes, and an underscore before all digits and letters.
func collated(name string) string { return collation.Replace(strings.ToLower(name)) }

var collation = strings.NewReplacer("-", "", "_", "!")

// appendQuery appends the parameters, a line each.
func appendQuery(b []byte, q url.Values) []byte {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Sorted(slices.Values(q[name]))
		b = append(append(append(b, '\n'), strings.ToLower(name)...), ':')
		b = append(b, strings.Join(values, ",")...)
	}
	return b
}

// A sas is a shared access signature: parameters that are added to those of each request.
type sas struct {
	query   string
	expires time.Time // zero where it does not say
}

var _ authorizer = (*sas)(nil)

func newSAS(query string) *sas {
	s := &sas{query: strings.TrimPrefix(query, "?")}
	if q, err := url.ParseQuery(s.query); err == nil {
		for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
			if t, err := time.Parse(form, q.Get("se")); err == nil {
				s.expires = t
				break
			}
		}
	}
	return s
}

func (s *sas) authorize(rq *http.Request) error {
	if rq.URL.RawQuery != "" {
		rq.URL.RawQuery += "&"
	}
	rq.URL.RawQuery += s.query
	return nil
}

func (s *sas) renew() bool     { return false }
func (s *sas) anonymous() bool { return false }

func (s *sas) over() bool { return !s.expires.IsZero() && time.Now().After(s.expires) }

func (s *sas) note() string {
	if s.over() {
		return "the shared access signature expired on " + s.expires.UTC().Format(time.RFC3339) + ": make another"
	}
	return "is the shared access signature whole, and for this container?"
}
