package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Payload hashes that are not the hash of a payload.
const (
	emptyPayload    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of nothing
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// A signer signs requests with Signature Version 4 as S3 wants it: the path escaped once and never normalised.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// The SDK's signer does the same in ten times the time, most of it for headers and queries that do not occur here; a
// test compares the two.
type signer struct {
	region string

	mu     sync.Mutex
	day    string // of key
	secret string
	key    []byte
}

// sign adds the headers of a signature to r, whose x-amz-… headers and query must be complete. The query must be in
// canonical form: names in order, all but unreserved characters escaped.
func (s *signer) sign(r *http.Request, c aws.Credentials, payload string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	day := stamp[:8]
	r.Header["X-Amz-Date"] = []string{stamp}
	r.Header["X-Amz-Content-Sha256"] = []string{payload}
	if c.SessionToken != "" {
		r.Header["X-Amz-Security-Token"] = []string{c.SessionToken}
	}
	names := make([]string, 1, 12)
	names[0] = "host"
	for k := range r.Header {
		if l := strings.ToLower(k); strings.HasPrefix(l, "x-amz-") || l == "content-md5" {
			names = append(names, l)
		}
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")

	b := make([]byte, 0, 1024)
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, r.URL.EscapedPath()...)
	b = append(b, '\n')
	b = append(b, r.URL.RawQuery...)
	b = append(b, '\n')
	for _, n := range names {
		b = append(b, n...)
		b = append(b, ':')
		if n == "host" {
			b = append(b, r.URL.Host...)
		} else {
			b = appendTrimmed(b, r.Header[http.CanonicalHeaderKey(n)][0])
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, signed...)
	b = append(b, '\n')
	b = append(b, payload...)
	canonical := sha256.Sum256(b)

	scope := day + "/" + s.region + "/s3/aws4_request"
	b = append(b[:0], "AWS4-HMAC-SHA256\n"...)
	b = append(b, stamp...)
	b = append(b, '\n')
	b = append(b, scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, canonical[:])
	sig := mac(s.keyFor(day, c.SecretAccessKey), b)

	b = append(b[:0], "AWS4-HMAC-SHA256 Credential="...)
	b = append(b, c.AccessKeyID...)
	b = append(b, '/')
	b = append(b, scope...)
	b = append(b, ", SignedHeaders="...)
	b = append(b, signed...)
	b = append(b, ", Signature="...)
	b = hex.AppendEncode(b, sig)
	r.Header["Authorization"] = []string{string(b)}
}

// keyFor is the signing key, which depends on the day, the region and the secret only, and so is kept.
func (s *signer) keyFor(day, secret string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != day || s.secret != secret {
		k := mac([]byte("AWS4"+secret), []byte(day))
		k = mac(k, []byte(s.region))
		k = mac(k, []byte("s3"))
		s.key, s.day, s.secret = mac(k, []byte("aws4_request")), day, secret
	}
	return s.key
}

func mac(key, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}

// appendTrimmed appends v without spaces at its ends and with runs of spaces made one.
func appendTrimmed(b []byte, v string) []byte {
	v = strings.Trim(v, " ")
	for i := range len(v) {
		if v[i] == ' ' && i > 0 && v[i-1] == ' ' {
			continue
		}
		b = append(b, v[i])
	}
	return b
}
