package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/genepattern/ferry/sync/store"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// maxDelete is how many keys one request removes at most.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
const maxDelete = 1000

// notXML is true for characters that XML 1.0 has no way to write.
func notXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff || r == utf8.RuneError
}

// Delete removes the keys, up to 1000 by one request; only keys that its XML cannot hold take one each.
func (s *Store) Delete(ctx context.Context, keys []string) error {
	failed := map[string]error{}
	var plain []string
	for _, k := range keys {
		if !strings.ContainsFunc(k, notXML) {
			plain = append(plain, k)
			continue
		}
		r := request{op: "deleting", method: http.MethodDelete, key: k, sha256: emptyPayload, want: http.StatusNoContent, brings: s.options.Headers.others()}
		err := s.send(ctx, &r, func(resp *http.Response) error { return resp.Body.Close() })
		if err != nil && !errors.Is(err, store.ErrNotExist) {
			return err
		}
	}
	for batch := range slices.Chunk(plain, maxDelete) {
		if err := s.deleteBatch(ctx, slices.Clone(batch), failed); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return &store.DeleteError{Keys: failed}
	}
	return nil
}

// deleteBatch removes the keys, and those again that the store could not remove at the moment, until their tries are over. What is
// not removed is added to failed.
func (s *Store) deleteBatch(ctx context.Context, keys []string, failed map[string]error) error {
	var doc []byte
	var late map[string]error // the keys to try again, and why
	r := request{op: "deleting", method: http.MethodPost, query: "delete=", want: http.StatusOK, about: keys[0], brings: s.options.Headers.others(),
		body: func() io.ReadCloser { return io.NopCloser(bytes.NewReader(doc)) }}
	r.prepare = func(r *request) error {
		doc = deletion(keys)
		hash, sum := sha256.Sum256(doc), md5.Sum(doc)
		r.sha256, r.length = hex.EncodeToString(hash[:]), int64(len(doc))
		r.header = http.Header{"Content-Md5": {base64Of(sum[:])}, "Content-Type": {"application/xml"}}
		if isDirectory(s.bucket) { // which knows no Content-MD5
			r.header = http.Header{"X-Amz-Checksum-Sha256": {base64Of(hash[:])}, "Content-Type": {"application/xml"}}
		}
		return nil
	}
	err := s.send(ctx, &r, func(resp *http.Response) (err error) {
		defer resp.Body.Close()
		late, err = deleted(ctx, s, resp.Body, failed)
		if len(late) == 0 {
			return err
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return late[k] == nil })
		for _, err := range late {
			return err // of any: all are such that another try may help
		}
		return nil
	})
	if err != nil && len(late) > 0 && ctx.Err() == nil {
		maps.Copy(failed, late)
		return nil
	}
	return err
}

// deletion is the document that asks to remove the keys.
func deletion(keys []string) []byte {
	var doc bytes.Buffer
	doc.WriteString(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>`)
	for _, k := range keys {
		doc.WriteString("<Object><Key>")
		quotedXML(&doc, k)
		doc.WriteString("</Key></Object>")
	}
	doc.WriteString("</Delete>")
	return doc.Bytes()
}

// deleted reads an answer. What was not removed for good is added to failed, and what another try may remove is late. An answer may
// begin well and be an error document all the same.
func deleted(ctx context.Context, s *Store, answer io.Reader, failed map[string]error) (late map[string]error, err error) {
	var result struct {
		XMLName       xml.Name
		Code, Message string
		Error         []struct{ Key, Code, Message string }
	}
	if err := xml.NewDecoder(io.LimitReader(answer, maxPage)).Decode(&result); err != nil {
		return nil, s.sendError(ctx, "deleting", "", err)
	}
	if result.XMLName.Local == "Error" {
		return nil, answered(s, "deleting", "", result.Code, result.Message)
	}
	late = map[string]error{}
	for _, e := range result.Error {
		switch failure := answered(s, "deleting", e.Key, e.Code, e.Message); {
		case e.Code == "NoSuchKey":
		case s.loop.Retryable(failure):
			late[e.Key] = failure
		default:
			failed[e.Key] = failure
		}
	}
	return late, nil
}

// answered makes an Error of one that came in an answer with another status.
func answered(s *Store, op, key, code, message string) *Error {
	e := s.fault(op, key, nil, message, nil)
	e.Code, e.Status = code, http.StatusOK
	return e.withKind()
}

// quotedXML escapes text for an element.
func quotedXML(b *bytes.Buffer, text string) {
	for _, r := range text {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r < ' ':
			b.WriteString("&#x")
			b.WriteString(strings.ToUpper(string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15])))
			b.WriteString(";")
		default:
			b.WriteRune(r)
		}
	}
}
