package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
)

// A Getter sends a store's GET requests. It is safe for concurrent use.
type Getter interface {
	// Get sends a GET of the key, and sends it again where that is worth it. It may add the store's own headers to header. The
	// answer has the status want.
	Get(ctx context.Context, key string, header http.Header, want int) (*http.Response, error)
	// Unread makes the error of reading the key. kind is one of package store's errors, or nil. Where ctx has ended, the error
	// says so instead.
	Unread(ctx context.Context, key string, kind, err error) error
}

// Open begins to read an object. A stream that breaks is resumed, by a request for the range that is missing from the same version of
// the object. The Reader has size, time and tag from HTTP's own headers. The store adds metadata and checksum, from the headers of
// the answer that Open returns.
func Open(ctx context.Context, g Getter, l *retry.Loop, key string, o store.OpenOptions) (*store.Reader, *http.Response, error) {
	s := &stream{ctx: ctx, get: g, loop: l, key: key, etag: o.ETag, off: o.Off}
	if o.Len > 0 {
		s.end = o.Off + o.Len
	}
	resp, err := s.request()
	if err != nil {
		return nil, nil, err
	}
	r := &store.Reader{ReadCloser: s, Object: store.Object{Key: key, ETag: ETag(resp), Size: total(resp)}}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		r.ModTime = t
	}
	s.etag = r.ETag
	if s.end == 0 {
		s.end = r.Size
	}
	return r, resp, nil
}

// A stream is an object's bytes from off to end, read from one or more answers.
type stream struct {
	ctx      context.Context
	get      Getter
	loop     *retry.Loop
	key      string
	etag     string
	off, end int64 // end 0 is the object's, not yet known; -1 where no answer told it
	answer   io.ReadCloser
	failures int // in a row, without a byte between them
}

// request asks for the bytes from off on.
func (s *stream) request() (*http.Response, error) {
	header, want := make(http.Header, 8), http.StatusOK
	if s.etag != "" {
		header["If-Match"] = []string{s.etag}
	}
	if s.off > 0 || s.end > 0 {
		to := ""
		if s.end > 0 {
			to = strconv.FormatInt(s.end-1, 10)
		}
		header["Range"] = []string{"bytes=" + strconv.FormatInt(s.off, 10) + "-" + to}
		want = http.StatusPartialContent
	}
	resp, err := s.get.Get(s.ctx, s.key, header, want)
	if err != nil {
		return nil, err
	}
	if s.etag != "" && ETag(resp) != s.etag {
		resp.Body.Close() // a server that ignores If-Match
		return nil, s.get.Unread(s.ctx, s.key, store.ErrChanged, nil)
	}
	if err := s.fits(resp); err != nil {
		resp.Body.Close()
		return nil, s.get.Unread(s.ctx, s.key, nil, err)
	}
	s.answer = resp.Body
	return resp, nil
}

// fits is an error where the answer does not show where it ends, or is not of the range that was asked for. A proxy on the way may
// break either, and the file would be wrong.
func (s *stream) fits(resp *http.Response) error {
	if s.end <= 0 && resp.ContentLength < 0 && !chunked(resp) { // its end would look like a connection that broke
		return errors.New("the answer does not say its length")
	}
	if resp.StatusCode != http.StatusPartialContent {
		return nil
	}
	want := "bytes " + strconv.FormatInt(s.off, 10) + "-"
	if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, want) || s.end > 0 && resp.ContentLength >= 0 && resp.ContentLength != s.end-s.off {
		return fmt.Errorf("asked for %s%d, got %q", want, s.end-1, got)
	}
	return nil
}

func chunked(resp *http.Response) bool {
	n := len(resp.TransferEncoding)
	return n > 0 && resp.TransferEncoding[n-1] == "chunked"
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.atEnd() {
			return 0, io.EOF
		}
		n, err := s.answer.Read(p)
		s.off += int64(n)
		if n > 0 {
			s.failures = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && s.end < 0 {
			s.end = s.off
			continue
		}
		if err := s.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume sends a request for the rest after an answer broke off with the error why.
func (s *stream) resume(why error) error {
	if why == io.EOF {
		why = io.ErrUnexpectedEOF
	}
	s.answer.Close()
	s.failures++
	if err := s.loop.Again(s.ctx, s.failures, s.get.Unread(s.ctx, s.key, store.ErrUnreachable, why)); err != nil {
		return err
	}
	resp, err := s.request()
	if err == nil && s.end < 0 {
		s.end = total(resp)
	}
	return err
}

func (s *stream) atEnd() bool { return s.end >= 0 && s.off >= s.end }

func (s *stream) Close() error {
	if s.atEnd() { // let the transport see the end, so that it keeps the connection
		var one [1]byte
		_, _ = s.answer.Read(one[:])
	}
	return s.answer.Close()
}

// ETag is the header of that name, quotes included; "" where there is none.
func ETag(resp *http.Response) string {
	if v := resp.Header["Etag"]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// total is the size of the whole object in bytes; -1 where the answer does not tell.
func total(resp *http.Response) int64 {
	if resp.StatusCode == http.StatusPartialContent {
		_, size, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			return n
		}
		return -1
	}
	return resp.ContentLength
}
