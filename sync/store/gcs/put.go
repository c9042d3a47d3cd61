package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// about is what an upload says of the object. The service refuses content that does not match the checksum.
type about struct {
	Name        string            `json:"name"`
	ContentType string            `json:"contentType,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CRC32C      string            `json:"crc32c,omitempty"`
}

// Put stores an object: by one request, or by a session where it is larger.
func (s *Store) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.At == nil {
		return s.put(ctx, key, b, o)
	}
	watched, src := wire.Watch(ctx, b.At)
	defer src.Close()
	b.At = src
	put, err := s.put(watched, key, b, o)
	if own := src.Err(); own != nil {
		return store.Object{}, s.c.fault(&request{op: "writing", key: key}, nil, own)
	}
	return put, err
}

func (s *Store) put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.Len() > s.single {
		return s.putSession(ctx, key, b, o)
	}
	return s.putSingle(ctx, key, b, o)
}

// boundary separates the two parts of a small upload. The content may hold it: its length is told, and it is the last part but for the end.
const boundary = "ferry-1d0c1f2f4f0e4c5c9a77c6b8a3a4d9e1"

// answerFields are what an upload's answer is to tell.
const answerFields = "name,size,generation,updated,crc32c"

// garbled is how often an upload is sent again whose content did not match its checksum, as the service said.
const garbled = 2

// putSingle sends metadata and content by one request.
func (s *Store) putSingle(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	r := request{op: "writing", key: key, method: http.MethodPost, path: s.c.uploadPath(), absent: store.ErrNoBucket,
		query:  url.Values{"uploadType": {"multipart"}, "name": {key}, "fields": {answerFields}},
		header: http.Header{"Content-Type": {"multipart/related; boundary=" + boundary}}}
	var got resource
	bad := 0
	err := s.c.unsent(ctx, &r, s.c.loop.Do(ctx, func() error {
		// Each try computes it again: where the service says that the content was another one, the file may have changed.
		sum, err := crcOf(b)
		if err != nil {
			return s.c.fault(&r, nil, err)
		}
		head, err := heading(about{Name: key, ContentType: o.ContentType, Metadata: o.Meta, CRC32C: sum.Value}, o.ContentType)
		if err != nil {
			return s.c.fault(&r, nil, err)
		}
		r.length = int64(len(head)) + b.Len() + int64(len(ending))
		r.body = func() io.Reader {
			return io.MultiReader(bytes.NewReader(head), wire.Sending(b.Reader(), o.Sent), strings.NewReader(ending))
		}
		err = s.c.try(ctx, &r, func(resp *http.Response) error { return s.c.decode(ctx, &r, resp, &got) })
		if err == nil {
			err = s.matches(&r, got, sum, b.Len())
		}
		return mayBeGarbled(err, &bad)
	}))
	return stored(got, key), err
}

const ending = "\r\n--" + boundary + "--\r\n"

// heading is all that comes before the content.
func heading(a about, contentType string) ([]byte, error) {
	var head bytes.Buffer
	head.WriteString("--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n")
	if err := json.NewEncoder(&head).Encode(a); err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	head.WriteString("\r\n--" + boundary + "\r\nContent-Type: " + contentType + "\r\n\r\n")
	return head.Bytes(), nil
}

// mayBeGarbled lets an upload be sent again that the service refuses as it refuses one whose content is not what was declared.
func mayBeGarbled(err error, times *int) error {
	e, ok := err.(*Error)
	if ok && e.Status == http.StatusBadRequest && e.Kind == nil && *times < garbled {
		*times++
		e.again = true
	}
	return err
}

// matches is an error where what was stored is not what was sent. Another try may do better.
func (s *Store) matches(r *request, got resource, want checksum.Sum, size int64) error {
	if got.CRC32C == want.Value && got.object().Size == size {
		return nil
	}
	e := s.c.fault(r, nil, fmt.Errorf("the store has %s bytes with the CRC32C %s, sent were %d with %s", got.Size, got.CRC32C, size, want.Value))
	e.again = true
	return e
}

func stored(got resource, key string) store.Object {
	o := got.object()
	o.Key = key
	if o.ModTime.IsZero() {
		o.ModTime = time.Now()
	}
	return o
}

func crcOf(b store.Body) (checksum.Sum, error) {
	if b.At == nil {
		return checksum.Of(checksum.CRC32C, b.Bytes), nil
	}
	return checksum.OfReader(checksum.CRC32C, b.At, b.Size)
}
