package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/genepattern/ferry/internal/testenv"
)

func endpointRows() []row {
	const group = "The store is not what it should be"
	return []row{
		{group: group, name: "nobody listens at the endpoint", code: 65, cause: "stage-in", slow: true, run: func(s *scene) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				s.t.Fatal(err)
			}
			_ = l.Close()
			s.setenv("AWS_ENDPOINT_URL=http://" + l.Addr().String())
			s.expect()
			s.runJob()
		}},
		{group: group, name: "no such bucket", code: 65, cause: "stage-in", run: func(s *scene) {
			s.expect()
			s.runJob("--remote", "s3://ferry-test-none/root")
		}},
		{group: group, name: "read-only", code: 65, cause: "stage-in", quick: true, run: func(s *scene) {
			s.expect() // an attempt that cannot be announced does not begin
			s.proxy.Add(testenv.Rule{Match: func(r testenv.Request) bool { return r.Method != "GET" }, Fault: testenv.Fault{Status: 403}})
			s.runJob()
		}},
		{group: group, name: "an hour ahead of the node's clock", quick: true, run: func(s *scene) { s.skewed(time.Hour); s.runJob() }},
		{group: group, name: "an hour behind the node's clock", run: func(s *scene) { s.skewed(-time.Hour); s.runJob() }},
		{group: group, name: "credentials expire midway, and can be renewed", run: func(s *scene) {
			s.expiring(30, true)
			s.inputs(40)
			s.runJob()
		}},
		{group: group, name: "credentials expire during stage-in, and cannot be renewed", code: 65, cause: "stage-in", slow: true, run: func(s *scene) {
			s.expiring(6, false)
			s.expect()
			s.runJob()
		}},
		{group: group, name: "credentials expire during stage-out, and cannot be renewed", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			s.expiring(0, false)
			s.runJob()
		}},
		{group: group, name: "nothing was uploaded for an input", code: 65, cause: "stage-in", run: func(s *scene) {
			s.expect()
			s.runJob("--input", "/nothing/here")
		}},
	}
}

// setenv changes a variable of ferry's.
func (s *scene) setenv(kv string) {
	name, _, _ := strings.Cut(kv, "=")
	for i, v := range s.env {
		if strings.HasPrefix(v, name+"=") {
			s.env[i] = kv
			return
		}
	}
	s.env = append(s.env, kv)
}

// refusal is an S3 error answer.
func refusal(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: "by a test"})
}

// front puts a server before the store that may answer itself.
func (s *scene) front(meet func(http.ResponseWriter, *http.Request) bool) {
	s.t.Helper()
	backend, err := url.Parse(s.proxy.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	to := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = backend.Scheme, backend.Host }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !meet(w, r) {
			to.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(srv.Close)
	s.setenv("AWS_ENDPOINT_URL=" + srv.URL)
}

// amzDate is the format of X-Amz-Date.
const amzDate = "20060102T150405Z"

// skewed makes the store's clock go ahead of the node's. What it takes is signed anew, the real store having the node's
// clock.
func (s *scene) skewed(ahead time.Duration) {
	s.front(func(w http.ResponseWriter, r *http.Request) bool {
		now := time.Now().Add(ahead)
		at, err := time.Parse(amzDate, r.Header.Get("X-Amz-Date"))
		if err != nil || at.Sub(now).Abs() > 15*time.Minute {
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			refusal(w, http.StatusForbidden, "RequestTimeTooSkewed")
			return true
		}
		s.resign(r)
		return false
	})
}

// resign signs a request as the real store wants it.
func (s *scene) resign(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for _, h := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Forwarded-For", "Accept-Encoding"} {
		r.Header.Del(h)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	creds := aws.Credentials{AccessKeyID: s.s3.AccessKey, SecretAccessKey: s.s3.SecretKey}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(context.Background(), creds, r, hash, "s3", s.s3.Region, time.Now()); err != nil {
		s.t.Error(err)
	}
}

// expiring makes ferry get its credentials from an endpoint as a job of AWS Batch does. The first ones are refused as
// expired after n requests of the store, with 0 from the first upload of a result on.
func (s *scene) expiring(n int64, renew bool) {
	s.t.Helper()
	var given, asked atomic.Int64
	var over atomic.Bool
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		token := "first"
		if given.Add(1) > 1 && renew {
			token = "second"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":%q}`,
			s.s3.AccessKey, s.s3.SecretKey, token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	s.t.Cleanup(issuer.Close)
	s.setenv("AWS_ACCESS_KEY_ID=")
	s.setenv("AWS_SECRET_ACCESS_KEY=")
	s.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI=" + issuer.URL + "/creds")
	s.front(func(w http.ResponseWriter, r *http.Request) bool {
		if n > 0 && asked.Add(1) > n || n == 0 && r.Method == "PUT" && !strings.Contains(r.URL.Path, meta+"/") { // of the first result
			over.Store(true)
		}
		if over.Load() && r.Header.Get("X-Amz-Security-Token") != "second" {
			refusal(w, http.StatusBadRequest, "ExpiredToken")
			return true
		}
		s.resign(r)
		return false
	})
}
