package ftp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// A Transport is FTP as HTTP speaks of it, for who reads both. It is safe for concurrent use, and each request has a session of its own.
//
// It knows GET and HEAD, a Range up to the file's end, and If-Match. A file's tag is made of its size and time, and is missing where the server tells not
// both. What the server refuses comes as a status of HTTP.
type Transport struct{ Dial Dialer }

var _ http.RoundTripper = Transport{}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Method != http.MethodGet && rq.Method != http.MethodHead {
		return answer(rq, http.StatusMethodNotAllowed, "FTP is only read here"), nil
	}
	var off, end int64 // end 0 is the file's
	if v, ok := strings.CutPrefix(rq.Header.Get("Range"), "bytes="); ok {
		from, to, _ := strings.Cut(v, "-")
		var err error
		if off, err = strconv.ParseInt(from, 10, 63); err == nil && to != "" {
			end, err = strconv.ParseInt(to, 10, 63)
			end++
		}
		if err != nil {
			return answer(rq, http.StatusBadRequest, "no such range"), nil
		}
	}
	f, err := Open(rq.Context(), t.Dial, rq.URL, off)
	if err != nil {
		return refused(rq, err)
	}
	resp := answer(rq, http.StatusOK, "")
	tag := f.tag()
	want := rq.Header.Get("If-Match")
	switch {
	case want != "" && want != tag:
		resp = answer(rq, http.StatusPreconditionFailed, "the file is another one")
	case f.Size >= 0 && (off > f.Size || off > 0 && off == f.Size):
		resp = answer(rq, http.StatusRequestedRangeNotSatisfiable, "the file is shorter")
	}
	if resp.StatusCode != http.StatusOK {
		return resp, f.Close()
	}
	if tag != "" {
		resp.Header.Set("Etag", tag)
		resp.Header.Set("Last-Modified", f.ModTime.UTC().Format(http.TimeFormat))
	}
	resp.ContentLength = f.Size
	if rq.Header.Get("Range") != "" && f.Size >= 0 {
		if end == 0 || end > f.Size {
			end = f.Size
		}
		resp.StatusCode, resp.ContentLength = http.StatusPartialContent, end-off
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, end-1, f.Size))
	}
	if rq.Method == http.MethodHead {
		return resp, f.Close()
	}
	resp.Body = f
	if resp.ContentLength >= 0 && resp.ContentLength < f.Size-off {
		resp.Body = part{io.LimitReader(f, resp.ContentLength), f}
	}
	if f.Size < 0 { // the server says by itself whether the end is the end
		resp.TransferEncoding = []string{"chunked"}
	}
	return resp, nil
}

// tag is the file's, as an ETag of HTTP.
func (f *File) tag() string {
	if f.Size < 0 || f.ModTime.IsZero() {
		return ""
	}
	return fmt.Sprintf(`"%x-%x"`, f.ModTime.Unix(), f.Size)
}

// A part is the beginning of what a File has.
type part struct {
	io.Reader
	io.Closer
}

// refused makes an answer of what the server refuses (RFC 959, 4.2.2). Other errors are those of the connection.
func refused(rq *http.Request, err error) (*http.Response, error) {
	if errors.Is(err, ErrNoFile) {
		return answer(rq, http.StatusNotFound, err.Error()), nil
	}
	var said *textproto.Error
	if !errors.As(err, &said) {
		return nil, err
	}
	status := http.StatusBadGateway
	switch {
	case said.Code == 530:
		status = http.StatusUnauthorized
	case said.Code == 550:
		status = http.StatusNotFound
	case said.Code == 501, said.Code == 502:
		status = http.StatusNotImplemented
	case said.Code/100 == 4:
		status = http.StatusServiceUnavailable
	}
	return answer(rq, status, fmt.Sprintf("%d %s", said.Code, said.Msg)), nil
}

func answer(rq *http.Request, status int, text string) *http.Response {
	return &http.Response{Status: strconv.Itoa(status) + " " + text, StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: rq}
}
