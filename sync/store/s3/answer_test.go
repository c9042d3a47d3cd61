package s3_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
)

// answering is a store whose server answers as the handler does.
func answering(t *testing.T, creds aws.CredentialsProvider, h http.HandlerFunc) *s3.Store {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return s3.New(aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: creds}, "bucket", s3.Options{MaxAttempts: 3})
}

// An answer that is not of the right length or range is an error, not a wrong file.
func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		o store.OpenOptions
		h http.HandlerFunc
	}{
		"no length": {store.OpenOptions{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Transfer-Encoding", "identity") // it ends with the connection
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			w.Write([]byte("content"))
		}},
		"range ignored": {store.OpenOptions{Off: 2, Len: 3}, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("content")) }},
		"other range": {store.OpenOptions{Off: 2, Len: 3}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-2/7")
			w.WriteHeader(206)
			w.Write([]byte("con"))
		}},
		"shorter range": {store.OpenOptions{Off: 2, Len: 3}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 2-3/7")
			w.WriteHeader(206)
			w.Write([]byte("nt"))
		}},
		"If-Match ignored": {store.OpenOptions{ETag: "old"}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", "new")
			w.Write([]byte("content"))
		}},
	} {
		if r, err := answering(t, nil, c.h).Open(t.Context(), "k", c.o); err == nil {
			r.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// A listing that is not in order would make a merge miss files, and --delete remove the wrong ones.
func TestListingOutOfOrder(t *testing.T) {
	st := answering(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("<ListBucketResult><Contents><Key>b</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>"))
	})
	var failed error
	for _, err := range st.List(t.Context(), "") {
		failed = err
	}
	if !errors.Is(failed, store.ErrOrder) {
		t.Errorf("%v", failed)
	}
}

// Credentials that expired while they were in use are fetched anew.
func TestExpiredToken(t *testing.T) {
	fetched := 0
	creds := aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		fetched++
		return aws.Credentials{AccessKeyID: "A", SecretAccessKey: "S", SessionToken: []string{"", "old", "new"}[fetched], CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
	}))
	st := answering(t, creds, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Security-Token") != "new" {
			w.WriteHeader(400)
			w.Write([]byte("<Error><Code>ExpiredToken</Code></Error>"))
			return
		}
		w.Header().Set("ETag", "x")
		w.Write([]byte("content"))
	})
	r, err := st.Open(t.Context(), "k", store.OpenOptions{})
	if err != nil || fetched != 2 {
		t.Fatalf("%v after %d fetches", err, fetched)
	}
	r.Close()
}

// A clock that is wrong is put right by what the server's says.
func TestClockSkew(t *testing.T) {
	ahead := time.Now().Add(3 * time.Hour)
	creds := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "A", SecretAccessKey: "S"}, nil
	})
	st := answering(t, creds, func(w http.ResponseWriter, r *http.Request) {
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if d := ahead.Sub(at); err != nil || d > 15*time.Minute {
			w.Header().Set("Date", ahead.UTC().Format(http.TimeFormat))
			w.WriteHeader(403)
			w.Write([]byte("<Error><Code>RequestTimeTooSkewed</Code></Error>"))
			return
		}
		w.Write([]byte("content"))
	})
	r, err := st.Open(t.Context(), "k", store.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}
