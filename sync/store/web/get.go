package web

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// A getter is one file as a stream sees it. The requests of one stream follow one another.
type getter struct {
	s        *Store
	at       *url.URL
	digested bool // a digest says at the end whether all came
	opened   bool // the first answer came

	came maphash.Hash // what was read until now, where nothing else tells whether the file is still the same
	read int64
}

var _ wire.Getter = (*getter)(nil)

// Get asks for the file. A server without ranges gives it from the beginning: then what was read before is passed over.
func (g *getter) Get(ctx context.Context, key string, header http.Header, want int) (resp *http.Response, err error) {
	tag, wanted := header.Get("If-Match"), header.Get("Range")
	condition(header, tag)
	if g.opened && tag == "" && !g.digested {
		header.Del("Range") // the rest may be another file's: what was read comes again, and shows it
	}
	err = g.s.loop.Do(ctx, func() error {
		to := g.at
		end := g.s.ends.of(key)
		if end != nil && tag != "" {
			to = end
		}
		if resp, err = g.s.exchange(ctx, http.MethodGet, to, header, key); err != nil {
			return err
		}
		if to == end && resp.StatusCode/100 != 2 { // a redirect's end may not last
			g.s.ends.forget(key)
			_ = resp.Body.Close() // of no interest
			if resp, err = g.s.exchange(ctx, http.MethodGet, g.at, header, key); err != nil {
				return err
			}
		}
		if resp.StatusCode == want || resp.StatusCode == http.StatusOK && want == http.StatusPartialContent {
			return nil
		}
		defer resp.Body.Close()
		return g.s.answered(key, resp)
	})
	if err != nil {
		return nil, err
	}
	if resp.Request.URL.Host != g.at.Host {
		g.s.ends.keep(key, resp.Request.URL)
	}
	own := tagOf(resp)
	resp.Header.Set("Etag", own)
	if own == "" {
		resp.Header.Del("Etag")
	}
	if resp.ContentLength < 0 && g.digested {
		resp.TransferEncoding = []string{"chunked"} // the end may be anywhere
	}
	if resp.StatusCode != want {
		if err := g.skip(ctx, key, resp, wanted, own); err != nil {
			_ = resp.Body.Close() // nobody reads it
			return nil, err
		}
	}
	if own == "" {
		resp.Body = &remembered{resp.Body, g}
	}
	return resp, nil
}

// Unread makes the error of reading.
func (g *getter) Unread(ctx context.Context, key string, kind, err error) error {
	return g.s.failed(ctx, key, kind, err)
}

// madeUp begins the tags that are made of time and size, where the server has no strong tag.
const madeUp = `"time-`

// tagOf is the tag of the file that an answer shows; "" where nothing tells whether another answer is of the same file.
func tagOf(resp *http.Response) string {
	if tag := wire.ETag(resp); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	t, err := http.ParseTime(resp.Header.Get("Last-Modified"))
	size := resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		_, whole, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, bad := strconv.ParseInt(whole, 10, 64); bad == nil {
			size = n
		} else {
			size = -1
		}
	}
	if err != nil || size < 0 {
		return ""
	}
	return fmt.Sprintf("%s%x-%x\"", madeUp, t.Unix(), size)
}

// condition asks in the server's words for the file with that tag alone.
func condition(header http.Header, tag string) {
	rest, ok := strings.CutPrefix(tag, madeUp)
	if !ok {
		return
	}
	header.Del("If-Match")
	stamp, _, _ := strings.Cut(rest, "-")
	if n, err := strconv.ParseInt(stamp, 16, 64); err == nil {
		header.Set("If-Unmodified-Since", time.Unix(n, 0).UTC().Format(http.TimeFormat))
	}
}

// skip makes a whole answer one of the range that was asked for. What goes before must be what was read, where that is known.
func (g *getter) skip(ctx context.Context, key string, resp *http.Response, wanted, tag string) error {
	from, to, _ := strings.Cut(strings.TrimPrefix(wanted, "bytes="), "-")
	off, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return g.s.failed(ctx, key, nil, fmt.Errorf("asked for the range %q", wanted))
	}
	if resp.ContentLength >= 0 && off > resp.ContentLength {
		return g.s.failed(ctx, key, store.ErrChanged, nil)
	}
	var again maphash.Hash
	again.SetSeed(g.came.Seed())
	if _, err := io.CopyN(&again, resp.Body, off); err != nil {
		return g.s.failed(ctx, key, store.ErrUnreachable, err)
	}
	if tag == "" && g.opened && (g.read != off || again.Sum64() != g.came.Sum64()) {
		return g.s.failed(ctx, key, store.ErrChanged, nil)
	}
	size, total := int64(-1), "*"
	if resp.ContentLength >= 0 {
		size, total = resp.ContentLength-off, strconv.FormatInt(resp.ContentLength, 10)
	}
	if last, err := strconv.ParseInt(to, 10, 64); err == nil {
		size = last + 1 - off
		resp.Body = &cut{io.LimitReader(resp.Body, size), resp.Body}
	}
	resp.StatusCode, resp.ContentLength = http.StatusPartialContent, size
	resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%s/%s", off, to, total))
	return nil
}

// A cut is the beginning of an answer's body.
type cut struct {
	io.Reader
	io.Closer
}

// A remembered body is hashed as it is read.
type remembered struct {
	io.ReadCloser
	g *getter
}

func (r *remembered) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	_, _ = r.g.came.Write(p[:n]) // never fails
	r.g.read += int64(n)
	return n, err
}

// ends are where redirects led. A service may lead each request to another mirror, whose tags are its own. So what follows a first request
// goes where that one came to.
type ends struct {
	mu  sync.Mutex
	all map[string]*url.URL // by key
}

// maxEnds bounds what is remembered.
const maxEnds = 1000

func (e *ends) of(key string) *url.URL {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[key]
}

func (e *ends) keep(key string, to *url.URL) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil || len(e.all) >= maxEnds {
		e.all = map[string]*url.URL{}
	}
	e.all[key] = to
}

func (e *ends) forget(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.all, key)
}

// givenName is the file name that a server gives a file; "" for none. It may hold anything.
func givenName(h http.Header) string {
	_, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// oneLine is what a server says, for a message: the first 200 bytes, and nothing that a terminal obeys.
func oneLine(said string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(said[:min(len(said), 200)], "?"))
}
