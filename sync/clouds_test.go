package sync_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/gcs"
	"github.com/genepattern/ferry/sync/store/storetest"
	"github.com/genepattern/ferry/sync/store/web"
)

// A large object of Google's comes in pieces at once, whose CRC32Cs make that of the whole: a flipped byte in a piece is noticed.
func TestGooglePieces(t *testing.T) {
	t.Parallel()
	b := testenv.GCS(t)
	p := testenv.Proxy(t, b.Endpoint)
	st, err := gcs.New(b.Bucket, gcs.Options{Emulator: b.Via(p).Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	content := storetest.Bytes(9 << 20)
	src := t.TempDir()
	files(t, src, map[string]string{"x": string(content)})
	if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{Preserve: true}); err != nil {
		t.Fatal(err)
	}
	if p.Count("CreateMultipartUpload") != 1 {
		t.Error("a large object goes by no session")
	}
	ranged := func(r testenv.Request) bool { return r.Header.Get("Range") != "" }
	p.Clear()
	p.Add(testenv.Rule{Match: ranged, Times: 1, Fault: testenv.Fault{Flip: 3}})
	got, s, err := down(t, st)
	if err != nil || s.Verified["crc32c"] != 1 || s.Retries == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	sameTree(t, got, map[string]string{"x": string(content)})
	pieces := 0
	for _, r := range p.Requests() {
		if ranged(r) {
			pieces++
		}
	}
	if pieces < 4 {
		t.Errorf("%d requests for pieces", pieces)
	}
}

// A changing file is one of a web server, of which there is another version once an answer broke off.
type changing struct {
	mu      sync.Mutex
	version int
	stays   int // the version that stays; 0 for none
	noRange bool
	cuts    bool          // answers break off, until the version stays
	piece   chan struct{} // closed once a piece was asked for; unless nil, a whole answer waits for that in its middle
	asked   []string
}

func (c *changing) content(version int) []byte { return storetest.Bytes(int64(5<<20 + version)) }

func (c *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Header.Get("Range"))
	if c.piece != nil && r.Header.Get("Range") != "" {
		select {
		case <-c.piece:
		default:
			close(c.piece)
		}
	}
	version := c.version
	cut := c.cuts && r.Header.Get("If-Match") == "" && (c.stays == 0 || c.version < c.stays)
	if cut {
		c.version++
	}
	c.mu.Unlock()
	w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, version))
	b := c.content(version)
	if cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:len(b)/2]) // the client's matter
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if c.piece != nil && r.Header.Get("Range") == "" {
		w.Header().Set("Accept-Ranges", "bytes")
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:1<<20]) // the client's matter
		_ = http.NewResponseController(w).Flush()
		select {
		case <-c.piece:
		case <-r.Context().Done():
		}
		_, _ = w.Write(b[1<<20:])
		return
	}
	if c.noRange || c.cuts && r.Header.Get("Range") == "" {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b) // the client's matter
		return
	}
	w.Header().Set("Accept-Ranges", "bytes")
	http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(b))
}

func (c *changing) pieces() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.asked {
		if r != "" {
			n++
		}
	}
	return n
}

// A large file of the web comes in pieces at once where there are ranges, with and without a digest. No file is a mixture of two versions.
func TestWebPieces(t *testing.T) {
	t.Parallel()
	sum := fmt.Sprintf("#sha256=%x", sha256.Sum256((*changing)(nil).content(0)))
	for name, c := range map[string]struct {
		srv     *changing
		key     string
		want    int // version
		fails   string
		kind    error
		pieces  bool
		verdict string
	}{
		"ranges":            {srv: &changing{piece: make(chan struct{})}, key: "f", pieces: true, verdict: "unverified"},
		"ranges, digest":    {srv: &changing{piece: make(chan struct{})}, key: "f" + sum, pieces: true, verdict: "sha256"},
		"no ranges":         {srv: &changing{noRange: true}, key: "f", verdict: "unverified"},
		"wrong digest":      {srv: &changing{piece: make(chan struct{})}, key: "f#sha256=" + strings.Repeat("00", 32), pieces: true, fails: "content does not match the digest in its URL"},
		"changed once":      {srv: &changing{cuts: true, stays: 1}, key: "f", want: 1, pieces: true, verdict: "unverified"},
		"changing for ever": {srv: &changing{cuts: true}, key: "f", pieces: true, fails: "object changed while it was read", kind: store.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(c.srv)
			t.Cleanup(srv.Close)
			st := web.New("http", strings.TrimPrefix(srv.URL, "http://"), web.Options{})
			t.Cleanup(func() { _ = st.Close() })
			dst := t.TempDir()
			s, err := ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), st, c.key, openRoot(t, dst), "f", ferrysync.Options{})
			if (c.srv.pieces() > 0) != c.pieces {
				t.Errorf("asked for %q", c.srv.asked)
			}
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), srv.URL+"/f") || c.kind != nil && !errors.Is(err, c.kind) {
					t.Errorf("%v", err)
				}
				sameTree(t, readTree(t, dst), map[string]string{})
				return
			}
			if err != nil || s.Verified[c.verdict] != 1 {
				t.Errorf("%+v, %v", s, err)
			}
			sameTree(t, readTree(t, dst), map[string]string{"f": string(c.srv.content(c.want))})
		})
	}
}
