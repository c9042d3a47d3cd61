package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// Open begins to read an object. Resuming a stream that broke is a Range request for what is missing, of the very
// object the first answer was from.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	b := &body{ctx: ctx, s: s, key: key, etag: o.ETag, off: o.Off}
	if o.Len > 0 {
		b.end = o.Off + o.Len
	}
	resp, err := b.request()
	if err != nil {
		return nil, err
	}
	r := &store.Reader{ReadCloser: b, Object: store.Object{Key: key, ETag: etagOf(resp), Size: totalOf(resp)}}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		r.ModTime = t
	}
	for k, v := range resp.Header {
		if name, ok := strings.CutPrefix(k, "X-Amz-Meta-"); ok && len(v) > 0 {
			if r.Meta == nil {
				r.Meta = make(store.Meta, 4)
			}
			r.Meta[strings.ToLower(name)] = v[0]
		}
	}
	if resp.StatusCode == http.StatusOK {
		r.Sum = sumOf(resp)
	}
	b.etag = r.ETag
	if b.end == 0 {
		b.end = r.Size
	}
	return r, nil
}

// A body is the stream of an object's bytes from off to end.
type body struct {
	ctx      context.Context
	s        *Store
	key      string
	etag     string
	off, end int64 // end 0 is the object's, not yet known; -1 where no answer told it
	in       io.ReadCloser
	failures int // in a row, without a byte between them
}

// request asks for the bytes from off on.
func (b *body) request() (*http.Response, error) {
	r := request{op: "reading", method: http.MethodGet, key: b.key, sha256: emptyPayload, want: http.StatusOK, header: make(http.Header, 8)}
	r.header["X-Amz-Checksum-Mode"] = checksumMode
	if b.etag != "" {
		r.header["If-Match"] = []string{b.etag}
	}
	if b.off > 0 || b.end > 0 {
		to := ""
		if b.end > 0 {
			to = strconv.FormatInt(b.end-1, 10)
		}
		r.header["Range"] = []string{"bytes=" + strconv.FormatInt(b.off, 10) + "-" + to}
		r.want = http.StatusPartialContent
	}
	var resp *http.Response
	err := b.s.send(b.ctx, &r, func(got *http.Response) error { resp = got; return nil })
	if err != nil {
		return nil, err
	}
	if b.etag != "" && etagOf(resp) != b.etag {
		resp.Body.Close() // a server that ignores If-Match
		return nil, &Error{Op: "reading", URL: b.s.URL(b.key), Kind: store.ErrChanged}
	}
	if err := b.answers(resp); err != nil {
		resp.Body.Close()
		return nil, &Error{Op: "reading", URL: b.s.URL(b.key), Err: err}
	}
	b.in = resp.Body
	return resp, nil
}

func chunked(resp *http.Response) bool {
	n := len(resp.TransferEncoding)
	return n > 0 && resp.TransferEncoding[n-1] == "chunked"
}

// answers makes sure that the answer shows where it ends, and is of the range that was asked for: a proxy on the way may
// see to neither, and the file would be wrong.
func (b *body) answers(resp *http.Response) error {
	if b.end <= 0 && resp.ContentLength < 0 && !chunked(resp) { // its end would look like a connection that broke
		return errors.New("the answer does not say its length")
	}
	if resp.StatusCode != http.StatusPartialContent {
		return nil
	}
	want := "bytes " + strconv.FormatInt(b.off, 10) + "-"
	if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, want) || b.end > 0 && resp.ContentLength >= 0 && resp.ContentLength != b.end-b.off {
		return fmt.Errorf("asked for %s%d, got %q", want, b.end-1, got)
	}
	return nil
}

var checksumMode = []string{"ENABLED"}

func (b *body) Read(p []byte) (int, error) {
	for {
		if b.atEnd() {
			return 0, io.EOF
		}
		n, err := b.in.Read(p)
		b.off += int64(n)
		if n > 0 {
			b.failures = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && b.end < 0 {
			b.end = b.off
			continue
		}
		if err := b.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume goes on after a stream broke. It is a retry like those of send, and counted with them.
func (b *body) resume(cause error) error {
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	b.in.Close()
	b.failures++
	err := b.s.sendError(b.ctx, "reading", b.key, cause)
	if err := b.s.pause(b.ctx, b.failures, err); err != nil {
		return err
	}
	store.CounterOf(b.ctx).Retries.Add(1)
	resp, err := b.request()
	if err == nil && b.end < 0 {
		b.end = totalOf(resp)
	}
	return err
}

func (b *body) atEnd() bool { return b.end >= 0 && b.off >= b.end }

func (b *body) Close() error {
	if b.atEnd() { // let the transport see the end, so that it keeps the connection
		var one [1]byte
		b.in.Read(one[:])
	}
	return b.in.Close()
}

func etagOf(resp *http.Response) string {
	if v := resp.Header["Etag"]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// totalOf is the size of the whole object; -1 where the answer does not tell.
func totalOf(resp *http.Response) int64 {
	if resp.StatusCode == http.StatusPartialContent {
		_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			return n
		}
		return -1
	}
	return resp.ContentLength
}

// sumOf is the checksum of the whole object. That of an object uploaded in parts may be one of the parts' checksums,
// which says so by its type or by the number of parts behind a dash; nothing can be verified with it.
func sumOf(resp *http.Response) checksum.Sum {
	if resp.Header.Get("X-Amz-Checksum-Type") == "COMPOSITE" {
		return checksum.Sum{}
	}
	for _, a := range checksum.Algorithms {
		if v := resp.Header.Get("X-Amz-Checksum-" + string(a)); v != "" && !strings.Contains(v, "-") {
			return checksum.Sum{Algorithm: a, Value: v}
		}
	}
	return checksum.Sum{}
}

// noTime is what a listing without a usable time gives.
var noTime time.Time
