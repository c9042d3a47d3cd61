package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/storetest"
	"github.com/genepattern/ferry/sync/store/wire"
)

// A prompt policy is the standard one without its waits.
type prompt struct{ retry.Standard }

func (prompt) Delay(int, error) time.Duration { return 0 }

// A webStore is the least store there can be: what a URL of a web server gives.
type webStore struct {
	url  string
	loop *retry.Loop
	rt   http.RoundTripper
}

func newWebStore(t *testing.T, h http.HandlerFunc) *webStore {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &webStore{url: srv.URL, loop: retry.New(3, prompt{}, nil), rt: wire.New()}
}

func (s *webStore) Get(ctx context.Context, key string, header http.Header, want int) (resp *http.Response, err error) {
	err = s.loop.Do(ctx, func() error {
		rq, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/"+key, nil)
		if err != nil {
			return err
		}
		rq.Header = header.Clone()
		if resp, err = s.rt.RoundTrip(rq); err != nil {
			return s.Unread(ctx, key, store.ErrUnreachable, err)
		}
		if resp.StatusCode == want {
			return nil
		}
		resp.Body.Close()
		return &wire.RequestError{Op: "reading", URL: s.url + "/" + key, Status: resp.StatusCode, Kind: wire.KindOf(resp.StatusCode), Wait: wire.RetryAfter(resp.Header), Advice: "ask its owner"}
	})
	return resp, err
}

func (s *webStore) Unread(ctx context.Context, key string, kind, err error) error {
	if ended := wire.Ended(ctx, "reading", s.url+"/"+key); ended != nil {
		return ended
	}
	return &wire.RequestError{Op: "reading", URL: s.url + "/" + key, Kind: kind, Err: err}
}

// served answers as http.ServeContent does, but cuts the first answers short.
func served(content []byte, cuts int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"tag"`)
		if cuts--; cuts >= 0 {
			w = &cutting{ResponseWriter: w, left: 50_000}
		}
		http.ServeContent(w, r, "", time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC), bytes.NewReader(content))
	}
}

// cutting breaks the connection after some bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// A stream that breaks is taken up again where it broke, and ends after so many failures without a byte between them.
func TestStream(t *testing.T) {
	content := storetest.Bytes(200_000)
	for _, o := range []store.OpenOptions{{}, {ETag: `"tag"`}, {Off: 1000}, {Off: 1000, Len: 150_000}} {
		s := newWebStore(t, served(content, 2))
		count := new(store.Counter)
		r, _, err := wire.Open(store.WithCounter(t.Context(), count), s, s.loop, "k", o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		got, err := io.ReadAll(r)
		end := o.Off + o.Len
		if o.Len == 0 {
			end = int64(len(content))
		}
		if err != nil || !bytes.Equal(got, content[o.Off:end]) || r.Size != int64(len(content)) || r.ETag != `"tag"` || r.ModTime.Year() != 2001 {
			t.Errorf("%+v: %d bytes, %v, of %+v", o, len(got), err, r.Object)
		}
		if count.Requests.Load() != 3 || count.Retries.Load() != 2 {
			t.Errorf("%+v: %d requests, %d retries", o, count.Requests.Load(), count.Retries.Load())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStreamReplaced(t *testing.T) {
	n := 0
	content := storetest.Bytes(200_000)
	s := newWebStore(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		r.Header.Del("If-Match") // as a server does that does not know it
		served(content, 2-n)(&tagged{w, fmt.Sprintf(`"%d"`, n)}, r)
	})
	r, _, err := wire.Open(t.Context(), s, s.loop, "k", store.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, store.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// tagged has a tag of its own.
type tagged struct {
	http.ResponseWriter
	tag string
}

func (w *tagged) WriteHeader(code int) {
	w.Header().Set("ETag", w.tag)
	w.ResponseWriter.WriteHeader(code)
}

func (w *tagged) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

// An answer that is an error says so in one line, with the store's own hint.
func TestRequestError(t *testing.T) {
	asked := 0
	s := newWebStore(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	})
	_, _, err := wire.Open(t.Context(), s, s.loop, "k", store.OpenOptions{})
	if !errors.Is(err, store.ErrDenied) || asked != 2 || err.Error() != fmt.Sprintf("reading %q: access denied: HTTP 403", s.url+"/k") {
		t.Errorf("after %d requests: %v", asked, err)
	}
	if h := cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)); h != "ask its owner" {
		t.Errorf("hint %q", h)
	}
	why := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, _, err := wire.Open(ctx, s, s.loop, "k", store.OpenOptions{}); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// What any store needs is not a piece of one cloud's SDK.
func TestKnowsNoCloud(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".", "../retry").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "net/http") {
		t.Fatalf("go list says %s", out)
	}
	for dep := range strings.Lines(string(out)) {
		if strings.Contains(dep, "aws") || strings.Contains(dep, "smithy") {
			t.Errorf("needs %s", dep)
		}
	}
}
