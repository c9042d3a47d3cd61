package azure

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Open begins to read a blob. A directory's blob has no content.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	name, wantsFolder := nameOf(key)
	if name == "" {
		return nil, s.fault("reading", key, store.ErrNotExist, "", nil)
	}
	r, resp, err := wire.Open(ctx, getter{s, key}, s.loop, name, o)
	if err != nil {
		return nil, err
	}
	meta, isFolder := metaOf(resp.Header)
	pages := resp.Header.Get("X-Ms-Blob-Type") == "PageBlob"
	if isFolder != wantsFolder || pages {
		r.Close()
		if pages {
			return nil, pageBlob(s, "reading", key)
		}
		return nil, s.fault("reading", key, store.ErrNotExist, "", nil)
	}
	r.Key, r.Meta = key, meta
	r.Sum = sumOf(resp, r.Size)
	return r, nil
}

// pageBlob is the error of a blob that is the disk of a machine.
func pageBlob(s *Store, op, key string) *Error {
	e := s.fault(op, key, nil, "it is a page blob, as a virtual machine's disk is, and ferry reads none", nil)
	e.Advice = "copy it to a block blob: `az storage copy`, or export the disk to a file"
	return e
}

// A getter is a Store as a stream sees it. The stream asks for the blob's name; messages have the key.
type getter struct {
	s   *Store
	key string
}

var _ wire.Getter = getter{}

func (g getter) Get(ctx context.Context, name string, header http.Header, want int) (resp *http.Response, err error) {
	if v := header["Range"]; len(v) > 0 { // which a shared key signs in this form, too
		header["X-Ms-Range"] = v
		delete(header, "Range")
	}
	r := request{op: "reading", method: http.MethodGet, key: name, want: want, header: header, about: g.key}
	err = g.s.send(ctx, &r, func(got *http.Response) error { resp = got; return nil })
	return resp, err
}

func (g getter) Unread(ctx context.Context, _ string, kind, err error) error {
	if ended := wire.Ended(ctx, "reading", g.s.URL(g.key)); ended != nil {
		return ended
	}
	return g.s.fault("reading", g.key, kind, "", err)
}

// wholeSum is the name of the metadata in which ferry keeps the CRC-64 of a blob that was sent in blocks: the service keeps no checksum
// of such a blob that it computed itself. Behind the CRC stands the size, so that another program's blob with this one's metadata is
// not taken for corrupt.
const wholeSum = "ferrycrc64"

func wholeSumValue(crc uint64, size int64) string {
	return strconv.FormatUint(crc, 16) + "." + strconv.FormatInt(size, 10)
}

// sumOf is the checksum of the whole blob: the CRC-64 that ferry left, or the MD5 that the service keeps, which it computed itself for
// a blob that came by one request. The answer to a range has that MD5 by another name.
// https://learn.microsoft.com/rest/api/storageservices/get-blob
func sumOf(resp *http.Response, size int64) checksum.Sum {
	if crc, n, ok := strings.Cut(resp.Header.Get(metaPrefix+wholeSum), "."); ok && n == strconv.FormatInt(size, 10) {
		if v, err := strconv.ParseUint(crc, 16, 64); err == nil {
			return checksum.FromCRC(checksum.CRC64NVME, v)
		}
	}
	md5 := resp.Header.Get("X-Ms-Blob-Content-Md5")
	if md5 == "" && resp.StatusCode == http.StatusOK {
		md5 = resp.Header.Get("Content-Md5")
	}
	if b, err := base64.StdEncoding.DecodeString(md5); err != nil || len(b) != 16 {
		return checksum.Sum{}
	}
	return checksum.Sum{Algorithm: checksum.MD5, Value: md5}
}

var _ store.Stater = (*Store)(nil)

// Stat asks for a blob's properties.
func (s *Store) Stat(ctx context.Context, key string) (store.Object, error) {
	name, wantsFolder := nameOf(key)
	if name == "" {
		return store.Object{}, s.fault("asking for", key, store.ErrNotExist, "", nil)
	}
	var h http.Header
	r := request{op: "asking for", method: http.MethodHead, key: name, want: http.StatusOK, about: key}
	err := s.send(ctx, &r, func(resp *http.Response) error { h = resp.Header; return resp.Body.Close() })
	if err != nil {
		return store.Object{}, err
	}
	n, ok := length(h)
	if !ok {
		return store.Object{}, s.fault("asking for", key, nil, "the answer does not say its length", nil)
	}
	if _, isFolder := metaOf(h); isFolder != wantsFolder {
		return store.Object{}, s.fault("asking for", key, store.ErrNotExist, "", nil)
	}
	o := store.Object{Key: key, Size: n, ETag: h.Get("Etag"), Archived: h.Get("X-Ms-Access-Tier") == "Archive"}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		o.ModTime = t
	}
	return o, nil
}

// drained reads the rest of an answer, so that its connection can be used again.
func drained(resp *http.Response) error {
	_, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
