package s3_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/sync/store/s3"
)

// A fakeAWS stands for the places of S3 that no server has which runs in tests. It follows AWS's documentation: who is asked by which host,
// which region and which kind of signature are wanted there, and that a session comes first where one must.
type fakeAWS struct {
	t      *testing.T
	host   string // the one that is served
	region string // that a signature must name
	// wants is how requests are signed there: "v4", "v4a", or "session".
	wants string
	// elsewhere are hosts that answer with a redirect to the region.
	elsewhere []string

	mu       sync.Mutex
	objects  map[string][]byte
	sessions int
	asked    []string // method, host and path of each request
}

// The account's keys, and those of a session.
var (
	account = aws.Credentials{AccessKeyID: "AKIDACCOUNT", SecretAccessKey: "account-secret"}
	session = aws.Credentials{AccessKeyID: "AKIDSESSION", SecretAccessKey: "session-secret", SessionToken: "session-token"}
)

// store is a bucket there, by whatever name, with the configured region.
func (f *fakeAWS) store(bucket, region string) *s3.Store {
	f.objects = map[string][]byte{}
	srv := httptest.NewServer(f)
	f.t.Cleanup(srv.Close)
	target, err := url.Parse(srv.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	return s3.New(aws.Config{
		Region: region, HTTPClient: toFake{target},
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(account.AccessKeyID, account.SecretAccessKey, "")),
	}, bucket, s3.Options{MaxAttempts: 2})
}

// toFake sends every request to the fake, whose host it was meant for stays in its header.
type toFake struct{ target *url.URL }

func (c toFake) Do(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.Host = r.URL.Host
	sent.URL.Scheme, sent.URL.Host = c.target.Scheme, c.target.Host
	return http.DefaultTransport.RoundTrip(sent)
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.Host+r.URL.Path)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if slices.Contains(f.elsewhere, r.Host) {
		w.Header().Set("X-Amz-Bucket-Region", f.region)
		fail(w, http.StatusMovedPermanently, "PermanentRedirect")
		return
	}
	if r.Host != f.host {
		f.t.Errorf("%s asks %q, want %q", r.Method, r.Host, f.host)
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	query := r.URL.Query()
	if query.Has("session") {
		f.sessions++
		f.signed(r, body, account, "s3express")
		fmt.Fprintf(w, "<CreateSessionResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials></CreateSessionResult>",
			session.AccessKeyID, session.SecretAccessKey, session.SessionToken, time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339))
		return
	}
	switch f.wants {
	case "session":
		if r.Header.Get("X-Amz-S3session-Token") != session.SessionToken {
			f.t.Errorf("%s %s has no session", r.Method, r.URL)
		}
		f.signed(r, body, session, "s3express")
	case "v4a": // whose signature differs each time; the SDK's own tests verify it
		if a := r.Header.Get("Authorization"); !strings.HasPrefix(a, "AWS4-ECDSA-P256-SHA256 ") || r.Header.Get("X-Amz-Region-Set") != "*" {
			f.t.Errorf("%s: signed %q for %q", r.Method, a, r.Header.Get("X-Amz-Region-Set"))
		}
	default:
		f.signed(r, body, account, "s3")
	}
	f.serve(w, r, body)
}

func (f *fakeAWS) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	query := r.URL.Query()
	content, have := f.objects[key]
	switch {
	case r.Method == http.MethodGet && key == "":
		f.list(w, query)
	case r.Method == http.MethodPost && query.Has("delete"):
		var doc struct {
			Object []struct{ Key string }
		}
		if err := xml.Unmarshal(body, &doc); err != nil {
			f.t.Error(err)
		}
		if f.wants == "session" && (r.Header.Get("Content-Md5") != "" || r.Header.Get("X-Amz-Checksum-Sha256") == "") {
			f.t.Errorf("a deletion with the headers %v", r.Header)
		}
		for _, o := range doc.Object {
			delete(f.objects, o.Key)
		}
		fmt.Fprint(w, "<DeleteResult></DeleteResult>")
	case r.Method == http.MethodPut:
		f.objects[key] = body
		w.Header().Set("ETag", tagOf(body))
	case !have:
		fail(w, http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", tagOf(content))
		http.ServeContent(w, r, "", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), bytes.NewReader(content))
	}
}

// list answers two keys a page; those of a directory bucket come in no order.
func (f *fakeAWS) list(w http.ResponseWriter, query url.Values) {
	prefix := query.Get("prefix")
	if f.wants == "session" && prefix != "" && !strings.HasSuffix(prefix, "/") {
		f.t.Errorf("a directory bucket is asked for the prefix %q", prefix)
	}
	var keys []string
	for k := range f.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		if f.wants != "session" {
			return strings.Compare(a, b)
		}
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return bytes.Compare(x[:], y[:])
	})
	from, err := strconv.Atoi(cmp.Or(query.Get("continuation-token"), "0"))
	if err != nil {
		f.t.Error(err)
	}
	to := min(len(keys), from+2)
	fmt.Fprintf(w, "<ListBucketResult><IsTruncated>%v</IsTruncated><NextContinuationToken>%d</NextContinuationToken>", to < len(keys), to)
	for _, k := range keys[from:to] {
		fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>%d</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>%s</ETag><StorageClass>EXPRESS_ONEZONE</StorageClass></Contents>", k, len(f.objects[k]), tagOf(f.objects[k]))
	}
	fmt.Fprint(w, "</ListBucketResult>")
}

func tagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// signed signs the request again, as AWS's own signer does it, and compares.
func (f *fakeAWS) signed(r *http.Request, body []byte, by aws.Credentials, service string) {
	got := r.Header.Get("Authorization")
	_, list, _ := strings.Cut(got, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		f.t.Errorf("%s %s is not signed: %v", r.Method, r.URL, r.Header)
		return
	}
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "https://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return
	}
	again.ContentLength = 0
	for _, name := range strings.Split(list, ";") {
		switch name {
		case "host", "x-amz-date":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	token := by.SessionToken
	if service == "s3express" {
		by.SessionToken = "" // which has a header of its own
	}
	err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(), by, again, r.Header.Get("X-Amz-Content-Sha256"), service, f.region, when)
	if err != nil || again.Header.Get("Authorization") != got {
		f.t.Errorf("%s %s (token %q):\nsigned %s\nwant   %s, %v", r.Method, r.URL, token, got, again.Header.Get("Authorization"), err)
	}
}
