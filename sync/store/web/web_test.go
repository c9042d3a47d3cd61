package web_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/ftp/ftptest"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/storetest"
	"github.com/genepattern/ferry/sync/store/web"
)

var nothing time.Time

// A site is a web server over a directory. It shows no directories.
type site struct {
	*httptest.Server
	dir    string
	denied atomic.Pointer[string]
}

// A habit is how a server answers.
type habit struct{ tags, noRanges, noTimes bool }

func newSite(t *testing.T, h habit) *site {
	s := &site{dir: t.TempDir()}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := s.denied.Load(); p != nil && r.URL.Path == *p {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		f, err := os.Open(filepath.Join(s.dir, r.URL.Path))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || info.IsDir() || strings.HasSuffix(r.URL.Path, "/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if h.tags {
			w.Header().Set("ETag", fmt.Sprintf(`"%d-%d"`, info.ModTime().UnixNano(), info.Size()))
		}
		if h.noRanges {
			if !h.noTimes {
				w.Header().Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
			}
			w.Header().Set("Content-Length", fmt.Sprint(info.Size()))
			_, _ = io.Copy(w, f) // who reads no more has what it wants
			return
		}
		http.ServeContent(w, r, "", info.ModTime(), f)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) host() string { return strings.TrimPrefix(s.URL, "http://") }

// store is the site's, with what its directory is filled by.
func (s *site) store(t *testing.T) store.Store {
	return closing(t, web.New("http", s.host(), web.Options{Tries: 3}))
}

func closing(t *testing.T, s *web.Store) *web.Store {
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	for name, h := range map[string]habit{"tags": {tags: true}, "times": {}, "no ranges": {noRanges: true}} {
		t.Run(name, func(t *testing.T) {
			dirs := map[string]string{} // by URL
			made := func(t *testing.T) *site {
				s := newSite(t, h)
				dirs[s.URL] = s.dir
				return s
			}
			storetest.Suite{
				Kind: web.Kind,
				New:  func(t *testing.T) store.Store { return made(t).store(t) },
				Filler: func(st store.Store) store.Store {
					d, err := dir.New(dirs[st.URL("")])
					if err != nil {
						t.Fatal(err)
					}
					return d
				},
			}.Run(t)
		})
	}
}

// A user may have no right to a file, or not the right URL.
func TestRefused(t *testing.T) {
	s := newSite(t, habit{})
	if err := os.WriteFile(filepath.Join(s.dir, "x"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	private := "/x"
	s.denied.Store(&private)
	_, err := s.store(t).Open(t.Context(), "x?token=hidden", store.OpenOptions{})
	if !errors.Is(err, store.ErrDenied) || strings.Contains(err.Error(), "hidden") || cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)) != web.Kind.Hints[store.ErrDenied] {
		t.Errorf("%v", err)
	}
}

func read(ctx context.Context, st store.Store, key string, o store.OpenOptions) (*store.Reader, []byte, error) {
	r, err := st.Open(ctx, key, o)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(r)
	return r, b, errors.Join(err, r.Close())
}

// breaking serves content, whose first answers end early, and after each of which it may be another one.
type breaking struct {
	content  []byte
	header   http.Header // of all answers
	cuts     int
	ranges   bool
	replaced []byte // what content is after a cut; nil for the same
	asked    []string
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.Header.Get("Range"))
	for k, v := range b.header {
		w.Header()[k] = v
	}
	var off int64
	body := b.content
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &off); err == nil && b.ranges {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, len(body)-1, len(body)))
		w.Header().Set("Content-Length", fmt.Sprint(int64(len(body))-off))
		w.WriteHeader(http.StatusPartialContent)
		body = body[off:]
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	if b.cuts--; b.cuts < 0 {
		_, _ = w.Write(body) // the client's matter
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	w.(http.Flusher).Flush()
	if b.replaced != nil {
		b.content = b.replaced
	}
	panic(http.ErrAbortHandler)
}

// What breaks is taken up again: by a range where there are ranges, else from the beginning. It is the same file to the end, or an error says
// that it is not.
func TestBroken(t *testing.T) {
	content := storetest.Bytes(300_000)
	other := storetest.Bytes(300_001)[:300_000]
	sum := fmt.Sprintf("#sha256=%x", sha256.Sum256(content))
	tag := http.Header{"Etag": {`"v1"`}}
	dated := http.Header{"Last-Modified": {"Sat, 03 Feb 2001 04:05:06 GMT"}}
	for name, c := range map[string]struct {
		srv    breaking
		digest string
		want   error
		ranged bool // the second request is for the rest
	}{
		"tag and ranges":           {breaking{header: tag, ranges: true}, "", nil, true},
		"time and ranges":          {breaking{header: dated, ranges: true}, "", nil, true},
		"tag, no ranges":           {breaking{header: tag}, "", nil, true},
		"nothing, ranges":          {breaking{ranges: true}, "", nil, false},
		"nothing at all":           {breaking{}, "", nil, false},
		"nothing, digest":          {breaking{ranges: true}, sum, nil, true},
		"nothing, replaced":        {breaking{replaced: other}, "", store.ErrChanged, false},
		"nothing, ranges, changed": {breaking{replaced: other, ranges: true}, "", store.ErrChanged, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time they wait to try again
			c.srv.content, c.srv.cuts = content, 1
			srv := httptest.NewServer(&c.srv)
			t.Cleanup(srv.Close)
			st := closing(t, web.New("http", strings.TrimPrefix(srv.URL, "http://"), web.Options{}))
			r, got, err := read(t.Context(), st, "f"+c.digest, store.OpenOptions{})
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || !bytes.Equal(got, content)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if len(c.srv.asked) != 2 || (c.srv.asked[1] != "") != c.ranged {
				t.Errorf("asked for %q", c.srv.asked)
			}
			if (c.digest != "") != (r.Sum.Value != "") || r.Extra.Given != (c.digest != "") {
				t.Errorf("%+v", r.Sum)
			}
		})
	}
}

// Of a digest that nobody can check, of a host that is none, and of a digest that is wrong.
func TestParse(t *testing.T) {
	for url, want := range map[string]string{
		"https://h/x#sha256=12":                             `which is no digest`,
		"https://h/x#part":                                  `which is no digest`,
		"https://h/x#crc32=00000000":                        `which is no digest`,
		"https:///x":                                        `names no host`,
		"https://ann:hidden@:80/x":                          `names no host`,
		fmt.Sprintf("ftp://h/x#md5=%x", md5.New().Sum(nil)): "",
		"http://[::1]:80/a b?c=/d/":                         "",
	} {
		_, _, err := store.Parse(url, []store.Kind{web.Kind})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%s: %v", url, err)
		}
	}
	for key, want := range map[string]string{"a/b%20c.txt?x=/y#sha256=": "", "a/b%20c.txt?x=/y": "b c.txt", "a/..%2f..": "", "%2e%2e": "", "": "", "a/": "", "x%zz": "x%zz"} {
		if got := web.Kind.Base(key); got != want {
			t.Errorf("%q is called %q, want %q", key, got, want)
		}
	}
}

// What was written is what a server is asked for, and nothing secret is in an error.
func TestAsked(t *testing.T) {
	var asked atomic.Pointer[http.Request]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	for written, want := range map[string]string{
		"a b/c%20d.gz?x=1&y=%2F/": "/a%20b/c%20d.gz?x=1&y=%2F%2F", "%zz%": "/%25zz%25", "日本": "/%E6%97%A5%E6%9C%AC", "x?": "/x?", "a//b": "/a//b", "a%2Fb": "/a%2Fb",
	} {
		at, _, err := store.Parse("http://ann:hidden@"+host+"/"+written, []store.Kind{web.Kind})
		if err != nil {
			t.Fatal(err)
		}
		_, err = closing(t, web.New(at.Scheme, at.Bucket, web.Options{})).Open(t.Context(), at.Prefix, store.OpenOptions{})
		if !errors.Is(err, store.ErrCredentials) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "x=1") {
			t.Errorf("%v", err)
		}
		r := asked.Load()
		user, password, _ := r.BasicAuth()
		if r.RequestURI != want || user != "ann" || password != "hidden" {
			t.Errorf("%q asks for %q as %q", written, r.RequestURI, user)
		}
	}
}

// A redirect gets no password of another host, leads to no place where nodes get their credentials, and not on for ever. What follows goes where
// the first one led.
func TestRedirects(t *testing.T) {
	content := storetest.Bytes(1000)
	var secrets atomic.Int32
	mirrors := make([]*httptest.Server, 3)
	for i := range mirrors {
		mirrors[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); ok || r.Header.Get("Referer") != "" {
				secrets.Add(1)
			}
			w.Header().Set("ETag", fmt.Sprintf(`"mirror-%d"`, i))
			http.ServeContent(w, r, "", nothing, bytes.NewReader(content))
		}))
		t.Cleanup(mirrors[i].Close)
	}
	var turn atomic.Int32
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		switch {
		case r.URL.Path == "/round":
			to = "/round"
		case to == "":
			to = mirrors[int(turn.Add(1))%len(mirrors)].URL + "/f"
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(gate.Close)
	st := closing(t, web.New("http", "ann:hidden@"+strings.TrimPrefix(gate.URL, "http://"), web.Options{}))
	r, got, err := read(t.Context(), st, "f", store.OpenOptions{})
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for range 4 {
		if _, part, err := read(t.Context(), st, "f", store.OpenOptions{ETag: r.ETag, Off: 10, Len: 20}); err != nil || !bytes.Equal(part, content[10:30]) {
			t.Errorf("%d bytes, %v", len(part), err)
		}
	}
	if n := secrets.Load(); n > 0 {
		t.Errorf("%d requests to another host had the password, or the page before", n)
	}
	for key, want := range map[string]error{
		"?to=" + url.QueryEscape("http://169.254.169.254/latest"): egress.ErrForbidden,
		"?to=" + url.QueryEscape("http://2852039166/"):            egress.ErrForbidden,
		"?to=" + url.QueryEscape("file:///etc/passwd"):            egress.ErrRedirect,
		"?to=" + url.QueryEscape("ftp://127.0.0.1/x"):             egress.ErrRedirect,
		"round": egress.ErrRedirect,
	} {
		if _, _, err := read(t.Context(), st, key, store.OpenOptions{}); !errors.Is(err, want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := closing(t, web.New("http", "169.254.169.254", web.Options{})).Open(t.Context(), "latest", store.OpenOptions{}); !errors.Is(err, egress.ErrForbidden) {
		t.Errorf("%v", err)
	}
}

// FTP is read as the web is: whole, in parts, and with a digest.
func TestFTP(t *testing.T) {
	content := storetest.Bytes(100_000)
	at := ftptest.Start(t, string(content), nil)
	st := closing(t, web.New("ftp", strings.TrimPrefix(at, "ftp://"), web.Options{Tries: 1}))
	key := strings.ReplaceAll(ftptest.File, " ", "%20")
	r, got, err := read(t.Context(), st, key+fmt.Sprintf("#md5=%x", md5.Sum(content)), store.OpenOptions{})
	if err != nil || !bytes.Equal(got, content) || r.Size != int64(len(content)) || r.ModTime.Year() != 2001 || r.ETag == "" || r.Extra.Whole || !r.Extra.Given {
		t.Errorf("%d bytes of %+v, %v", len(got), r, err)
	}
	if _, part, err := read(t.Context(), st, key, store.OpenOptions{ETag: r.ETag, Off: 500, Len: 1000}); err != nil || !bytes.Equal(part, content[500:1500]) {
		t.Errorf("%d bytes, %v", len(part), err)
	}
	if _, _, err := read(t.Context(), st, key, store.OpenOptions{ETag: `"another"`}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("%v", err)
	}
	if _, _, err := read(t.Context(), st, "none", store.OpenOptions{}); !errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), "550") {
		t.Errorf("%v", err)
	}
	mute := ftptest.Start(t, "by FTP", map[string]string{"SIZE": "500 what?", "MDTM": "500 what?"})
	if r, got, err := read(t.Context(), web.New("ftp", strings.TrimPrefix(mute, "ftp://"), web.Options{}), key, store.OpenOptions{}); err != nil || string(got) != "by FTP" || !r.Extra.Whole {
		t.Errorf("%q, %+v, %v", got, r, err)
	}
	locked := ftptest.Start(t, "", map[string]string{"PASS": "530 no"})
	if _, _, err := read(t.Context(), web.New("ftp", strings.TrimPrefix(locked, "ftp://"), web.Options{}), key, store.OpenOptions{}); !errors.Is(err, store.ErrCredentials) {
		t.Errorf("%v", err)
	}
}
