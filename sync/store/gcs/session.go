package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// A session is an upload that goes on where it broke. It makes an object once all is there, and lapses after a week otherwise.
// https://cloud.google.com/storage/docs/performing-resumable-uploads
type session struct {
	s     *Store
	key   string
	about about
	sent  func(int64)

	at    *url.URL // nil until it has begun, and after it was lost
	there int64    // bytes that the service has
	asked bool     // there is certain
}

// resumeIncomplete is the status of a session that wants more.
const resumeIncomplete = 308

// op is a request of the session; "" is the session's own address.
func (u *session) request(method string) *request {
	return &request{op: "writing", key: u.key, method: method, absent: store.ErrNoBucket}
}

// begin gets an address for the session.
func (u *session) begin(ctx context.Context) error {
	body, err := json.Marshal(u.about)
	if err != nil {
		return err
	}
	r := u.request(http.MethodPost)
	r.path, r.query = u.s.c.uploadPath(), url.Values{"uploadType": {"resumable"}, "name": {u.key}, "fields": {answerFields}}
	r.header = http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
	r.body, r.length = func() io.Reader { return bytes.NewReader(body) }, int64(len(body))
	return u.s.c.try(ctx, r, func(resp *http.Response) error {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // of no interest, but so the connection is kept
		resp.Body.Close()
		at, err := url.Parse(resp.Header.Get("Location"))
		if err != nil || at.Host == "" {
			return u.s.c.fault(r, nil, errors.New("the answer names no session"))
		}
		u.at, u.there, u.asked = at, 0, true
		return nil
	})
}

// put sends bytes to the session, n of them from offset on, and says whether the object is there now. total is -1 where nobody knows it.
// Without n it only asks how much has come.
func (u *session) put(ctx context.Context, body io.ReaderAt, offset, n, total int64, got *resource) (done bool, err error) {
	r := u.request(http.MethodPut)
	size := "*"
	if total >= 0 {
		size = strconv.FormatInt(total, 10)
	}
	span := "*"
	if n > 0 {
		span = fmt.Sprintf("%d-%d", offset, offset+n-1)
	}
	r.header = http.Header{"Content-Range": {"bytes " + span + "/" + size}}
	r.ok, r.once = []int{http.StatusOK, http.StatusCreated, resumeIncomplete}, true
	if n > 0 {
		r.length, r.body = n, func() io.Reader { return wire.Sending(io.NewSectionReader(body, offset, n), u.sent) }
	}
	u.asked = false
	err = u.s.c.tryAt(ctx, u.at, r, func(resp *http.Response) error {
		if resp.StatusCode != resumeIncomplete {
			done = true
			return u.s.c.decode(ctx, r, resp, got)
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // of no interest, but so the connection is kept
		resp.Body.Close()
		u.there, u.asked = 0, true
		if _, last, ok := strings.Cut(resp.Header.Get("Range"), "-"); ok {
			end, err := strconv.ParseInt(last, 10, 64)
			if err != nil {
				return u.s.c.fault(r, nil, fmt.Errorf("the session has the range %q", resp.Header.Get("Range")))
			}
			u.there = end + 1
		}
		return nil
	})
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) {
		u.at, e.again = nil, true // the session is lost, and another one is begun
		e.Kind = nil
	}
	return done, err
}

// putSession stores a large object.
func (s *Store) putSession(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	at := b.At
	if at == nil {
		at = bytes.NewReader(b.Bytes)
	}
	u := &session{s: s, key: key, sent: o.Sent}
	var got resource
	var sum checksum.Sum
	bad := 0
	err := s.c.unsent(ctx, u.request(http.MethodPut), s.c.loop.Do(ctx, func() (err error) {
		if u.at == nil {
			if sum, err = crcOf(b); err != nil {
				return s.c.fault(u.request(http.MethodPut), nil, err)
			}
			u.about = about{Name: key, ContentType: o.ContentType, Metadata: o.Meta, CRC32C: sum.Value}
			if err := u.begin(ctx); err != nil {
				return err
			}
		}
		done := false
		if !u.asked {
			if done, err = u.put(ctx, nil, 0, 0, b.Len(), &got); err != nil {
				return err
			}
		}
		before := u.there
		if !done {
			if done, err = u.put(ctx, at, before, b.Len()-before, b.Len(), &got); err != nil {
				if err = mayBeGarbled(err, &bad); isBad(err) {
					u.at = nil
				}
				return err
			}
		}
		r := u.request(http.MethodPut)
		if !done {
			e := s.c.fault(r, nil, fmt.Errorf("the session has %d bytes of %d, all of which were sent", u.there, b.Len()))
			e.again = true
			return e
		}
		u.at = nil
		return s.matches(r, got, sum, b.Len())
	}))
	if err != nil {
		u.abandon(ctx)
	}
	return stored(got, key), err
}

// isBad reports whether the service refused what was sent.
func isBad(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest
}

// abandonTime bounds the end of a session that made no object. Nobody pays for what it leaves.
const abandonTime = 5 * time.Second

// abandon ends a session that made no object, also where ctx has ended.
func (u *session) abandon(ctx context.Context) {
	if u.at == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	r := u.request(http.MethodDelete)
	r.ok = []int{499, http.StatusNoContent, http.StatusOK}
	_ = u.s.c.tryAt(ctx, u.at, r, func(resp *http.Response) error { return resp.Body.Close() }) // it lapses by itself, too
}
