package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Open begins to read an object.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	r, resp, err := wire.Open(ctx, getter{s}, s.loop, key, o)
	if err != nil {
		return nil, err
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
		getter{s}.sums(ctx, r, resp)
	}
	return r, nil
}

// A getter is a Store as a stream sees it.
type getter struct{ s *Store }

var _ wire.Getter = getter{}

// Get asks for the stored checksum, too. Other servers ignore that header.
func (g getter) Get(ctx context.Context, key string, header http.Header, want int) (resp *http.Response, err error) {
	header["X-Amz-Checksum-Mode"] = checksumMode
	r := request{op: "reading", method: http.MethodGet, key: key, sha256: emptyPayload, want: want, header: header, brings: g.s.options.Headers.reads()}
	err = g.s.send(ctx, &r, func(got *http.Response) error { resp = got; return nil })
	return resp, err
}

var checksumMode = []string{"ENABLED"}

func (g getter) Unread(ctx context.Context, key string, kind, err error) error {
	if ended := wire.Ended(ctx, "reading", g.s.URL(key)); ended != nil {
		return ended
	}
	return g.s.fault("reading", key, kind, "", err)
}

const checksumPrefix = "X-Amz-Checksum-"

// sums finds by what the object can be verified.
func (g getter) sums(ctx context.Context, r *store.Reader, resp *http.Response) {
	composite := resp.Header.Get(checksumPrefix+"Type") == "COMPOSITE"
	for _, a := range checksum.Algorithms {
		v := resp.Header.Get(checksumPrefix + string(a))
		digest, parts, dash := strings.Cut(v, "-")
		switch {
		case v == "":
		case !composite && !dash:
			r.Sum = checksum.Sum{Algorithm: a, Value: v}
			return
		default:
			if r.Parts = g.composite(ctx, r, checksum.Sum{Algorithm: a, Value: digest}, parts); r.Parts.PartSize == 0 {
				r.Parts, r.Unknown = checksum.Composite{}, string(a)+" of parts"
			}
			return
		}
	}
	for name := range resp.Header {
		if a, ok := strings.CutPrefix(name, checksumPrefix); ok && a != "Type" {
			r.Unknown = strings.ToLower(a)
		}
	}
	r.Likely = likely(g.s.bucket, r.ETag, resp)
}

// likely is the MD5 that the tag of an object is which came by one request, unless KMS or a key of the user's encrypts it, or the bucket
// is a directory bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func likely(bucket, etag string, resp *http.Response) checksum.Sum {
	b, err := hex.DecodeString(strings.Trim(etag, `"`))
	encrypted := strings.HasPrefix(resp.Header.Get("X-Amz-Server-Side-Encryption"), "aws:") || resp.Header.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != ""
	if err != nil || len(b) != md5.Size || encrypted || strings.HasSuffix(bucket, "--x-s3") {
		return checksum.Sum{}
	}
	return checksum.Sum{Algorithm: checksum.MD5, Value: base64Of(b)}
}

// noTime is what a listing without a usable time gives.
var noTime time.Time
