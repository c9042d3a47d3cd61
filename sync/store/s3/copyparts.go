package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// leastCopied is how much one request copies at least, unless a part size was asked for. No byte passes here, so fewer requests are better.
const leastCopied = 256 << 20

// kept are the headers of a source that a copy in parts must repeat. One request would keep them by itself.
var kept = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires", "X-Amz-Website-Redirect-Location"}

// A copiedPart stands in the request that completes an upload.
type copiedPart struct {
	PartNumber int
	ETag       string
	Checksums  []anyElement `xml:",any"`
}

// An anyElement is repeated as it came.
type anyElement struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

// inParts copies in parts, and leaves no upload where that fails.
func (cp copying) inParts(ctx context.Context) (store.Object, error) {
	upload, err := cp.begin(ctx)
	if err != nil {
		return store.Object{}, err
	}
	parts, err := cp.all(ctx, upload)
	var tag string
	if err == nil {
		tag, err = cp.complete(ctx, upload, parts)
	}
	if err != nil {
		cp.abort(ctx, upload)
		return store.Object{}, err
	}
	return store.Object{Key: cp.key, Size: cp.o.Size, ETag: tag, ModTime: time.Now()}, nil
}

// begin makes an upload with what the source has.
func (cp copying) begin(ctx context.Context) (id string, err error) {
	r := request{op: "copying", method: http.MethodPost, key: cp.key, query: "uploads=", sha256: emptyPayload, want: http.StatusOK, header: http.Header{}, brings: cp.s.options.Headers.writes()}
	if !cp.replaces() {
		if err := cp.keep(ctx, r.header); err != nil {
			return "", err
		}
	}
	if a := cp.s.options.Algorithm; a != "" {
		r.header["X-Amz-Checksum-Algorithm"] = []string{strings.ToUpper(string(a))}
		if a.Combines() {
			r.header["X-Amz-Checksum-Type"] = []string{"FULL_OBJECT"}
		}
	}
	var begun struct {
		UploadID string `xml:"UploadId"`
	}
	err = cp.document(ctx, &r, &begun)
	return begun.UploadID, err
}

// keep adds the source's headers, metadata and tags.
func (cp copying) keep(ctx context.Context, to http.Header) error {
	have, err := head(ctx, cp.src, cp.o.Key, cp.s.options.Headers)
	if err != nil {
		return err
	}
	for k, v := range have {
		if strings.HasPrefix(k, "X-Amz-Meta-") {
			to[k] = v[:1]
		}
	}
	for _, k := range kept {
		if v := have.Get(k); v != "" {
			to[k] = []string{v}
		}
	}
	if n := have.Get("X-Amz-Tagging-Count"); n == "" || n == "0" || cp.dropsTags() {
		return nil
	}
	var tags struct {
		Tag []struct{ Key, Value string } `xml:"TagSet>Tag"`
	}
	r := request{op: "reading the tags of", method: http.MethodGet, key: cp.o.Key, query: "tagging=", sha256: emptyPayload, want: http.StatusOK, brings: cp.src.options.Headers.others()}
	if err := (copying{s: cp.src}).document(ctx, &r, &tags); err != nil {
		return err
	}
	set := url.Values{}
	for _, t := range tags.Tag {
		set.Set(t.Key, t.Value)
	}
	to["X-Amz-Tagging"] = []string{set.Encode()}
	return nil
}

// all copies all parts, several at once. After a failure no more begin. Those that are on their way come to their end: one that is cut off can
// outlive that its upload is aborted.
func (cp copying) all(ctx context.Context, upload string) ([]copiedPart, error) {
	size := cp.s.options.PartSize
	if size == 0 {
		size = max(leastCopied, cp.s.parts.size)
	}
	if least := cp.o.Size/(maxParts-1) + 1; size < least {
		size = (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	parts := make([]copiedPart, (cp.o.Size+size-1)/size)
	more, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, cp.Parallel))
	for i := range parts {
		select {
		case slots <- struct{}{}:
		case <-more.Done():
		}
		if more.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			release, err := cp.leave(more)
			if err != nil {
				stop(err)
				return
			}
			defer release()
			if err := cp.part(ctx, upload, &parts[i], i+1, int64(i)*size, min(size, cp.o.Size-int64(i)*size)); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return parts, context.Cause(more)
}

// leave waits until one more part may be copied.
func (cp copying) leave(ctx context.Context) (release func(), err error) {
	if cp.Slot == nil {
		return func() {}, nil
	}
	return cp.Slot(ctx)
}

func (cp copying) part(ctx context.Context, upload string, p *copiedPart, number int, off, n int64) error {
	r := request{op: "copying", method: http.MethodPut, key: cp.key, query: "partNumber=" + strconv.Itoa(number) + "&uploadId=" + escapedQuery(upload),
		sha256: emptyPayload, want: http.StatusOK, header: cp.source(), brings: joined(cp.s.options.Headers.parts(), cp.s.options.Headers.source)}
	r.header["X-Amz-Copy-Source-Range"] = []string{"bytes=" + strconv.FormatInt(off, 10) + "-" + strconv.FormatInt(off+n-1, 10)}
	var got struct {
		ETag      string
		Checksums []anyElement `xml:",any"`
	}
	if err := cp.document(ctx, &r, &got); err != nil {
		return err
	}
	*p = copiedPart{PartNumber: number, ETag: got.ETag}
	for _, e := range got.Checksums {
		if strings.HasPrefix(e.XMLName.Local, "Checksum") {
			p.Checksums = append(p.Checksums, anyElement{XMLName: xml.Name{Local: e.XMLName.Local}, Text: e.Text})
		}
	}
	if cp.Sent != nil {
		cp.Sent(n)
	}
	return nil
}

func (cp copying) complete(ctx context.Context, upload string, parts []copiedPart) (tag string, err error) {
	doc, err := xml.Marshal(struct {
		XMLName xml.Name     `xml:"CompleteMultipartUpload"`
		Part    []copiedPart `xml:"Part"`
	}{Part: parts})
	if err != nil {
		return "", cp.s.fault("copying", cp.key, nil, "", err)
	}
	sum := sha256.Sum256(doc)
	r := request{op: "copying", method: http.MethodPost, key: cp.key, query: "uploadId=" + escapedQuery(upload), sha256: hex.EncodeToString(sum[:]), want: http.StatusOK,
		length: int64(len(doc)), header: http.Header{"Content-Type": {"application/xml"}}, brings: cp.s.options.Headers.parts(),
		body: func() io.ReadCloser { return io.NopCloser(bytes.NewReader(doc)) }}
	c := completion{op: r.op, key: cp.key, tries: 2} // who knows how many: the transport sends again by itself, too
	var got copied
	c.err = cp.document(ctx, &r, &got)
	c.tag = got.ETag
	for _, p := range parts {
		c.parts = append(c.parts, p.ETag)
	}
	return settle(ctx, cp.s, c)
}

// abort also works where the transfer was cancelled: parts that stay cost their owner money for ever.
func (cp copying) abort(ctx context.Context, upload string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	in := &awss3.AbortMultipartUploadInput{Bucket: &cp.s.bucket, Key: &cp.key, UploadId: &upload}
	_ = giveUp(ctx, cp.s.places.here().client, in, bringing(cp.s.options.Headers.others())) // the error before it is what matters
}

func escapedQuery(v string) string { return string(wire.Escape(nil, v, false)) }
