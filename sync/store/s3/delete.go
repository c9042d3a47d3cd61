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
		if err := s.deleteBatch(ctx, batch, failed); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return &store.DeleteError{Keys: failed}
	}
	return nil
}

func (s *Store) deleteBatch(ctx context.Context, keys []string, failed map[string]error) error {
	var doc bytes.Buffer
	doc.WriteString(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>`)
	for _, k := range keys {
		doc.WriteString("<Object><Key>")
		quotedXML(&doc, k)
		doc.WriteString("</Key></Object>")
	}
	doc.WriteString("</Delete>")
	hash, sum := sha256.Sum256(doc.Bytes()), md5.Sum(doc.Bytes())
	r := request{op: "deleting", method: http.MethodPost, query: "delete=", sha256: hex.EncodeToString(hash[:]), want: http.StatusOK,
		about: keys[0], brings: s.options.Headers.others(), length: int64(doc.Len()), header: http.Header{"Content-Md5": {base64Of(sum[:])}, "Content-Type": {"application/xml"}},
		body: func() io.ReadCloser { return io.NopCloser(bytes.NewReader(doc.Bytes())) }}
	var result struct {
		Error []struct{ Key, Code, Message string }
	}
	err := s.send(ctx, &r, func(resp *http.Response) error {
		defer resp.Body.Close()
		if err := xml.NewDecoder(resp.Body).Decode(&result); err != nil {
			return s.sendError(ctx, r.op, r.about, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range result.Error {
		if e.Code != "NoSuchKey" {
			failure := s.fault("deleting", e.Key, nil, e.Message, nil)
			failure.Code, failure.Status = e.Code, http.StatusOK
			failed[e.Key] = failure.withKind()
		}
	}
	return nil
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
