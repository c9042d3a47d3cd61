//lint:file-ignore SA1019 feature/s3/manager was asked for by name. docs/dependencies.md says what follows it.

package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/retry"
)

// maxParts of an upload.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const maxParts = 10000

// putParts uploads in parts, by the SDK's manager. Upstream no longer develops the manager. A move to its successor,
// feature/s3/transfermanager, changes this file alone.
func (s *Store) putParts(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	client := s.places.here().client
	api := &partsAPI{Client: client, s: s, sent: o.Sent}
	up := manager.NewUploader(api, func(u *manager.Uploader) {
		u.Concurrency = max(1, o.Parallel)
		u.PartSize = s.parts.size
		if least := b.Len()/(maxParts-1) + 1; u.PartSize < least {
			u.PartSize = (least + 1<<20 - 1) &^ (1<<20 - 1)
		}
		u.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
	})
	in := &awss3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: b.Reader(), Metadata: o.Meta}
	if o.ContentType != "" {
		in.ContentType = &o.ContentType
	}
	if s.upload != checksum.None {
		in.ChecksumAlgorithm = types.ChecksumAlgorithm(strings.ToUpper(string(s.upload)))
	}
	out, err := up.Upload(ctx, in)
	if err != nil {
		return store.Object{}, s.sdkError(ctx, "writing", key, err)
	}
	return store.Object{Key: key, Size: b.Len(), ETag: aws.ToString(out.ETag), ModTime: time.Now()}, nil
}

// partsAPI is the client as the manager uses it, with requests counted.
type partsAPI struct {
	*awss3.Client
	s    *Store
	sent func(int64)
}

var _ manager.UploadAPIClient = (*partsAPI)(nil)

// CreateMultipartUpload asks S3 to keep a checksum of the whole object. A download in pieces is verified with it. S3 would otherwise
// keep the checksums of the parts only.
func (a *partsAPI) CreateMultipartUpload(ctx context.Context, in *awss3.CreateMultipartUploadInput, fns ...func(*awss3.Options)) (*awss3.CreateMultipartUploadOutput, error) {
	fns = append(fns, bringing(a.s.options.Headers.writes()))
	if a.s.upload.Combines() {
		in.ChecksumType = types.ChecksumTypeFullObject
	}
	return a.Client.CreateMultipartUpload(ctx, in, append(fns, a.counted(ctx))...)
}

func (a *partsAPI) UploadPart(ctx context.Context, in *awss3.UploadPartInput, fns ...func(*awss3.Options)) (out *awss3.UploadPartOutput, err error) {
	defer func() { // in the manager's goroutine nobody else would
		if p := recover(); p != nil {
			err = cause.Caught(p)
		}
	}()
	fns = append(fns, bringing(a.s.options.Headers.parts()))
	n := partLen(in.Body)
	out, err = a.Client.UploadPart(ctx, in, append(fns, a.counted(ctx))...)
	if err == nil && a.sent != nil {
		a.sent(n)
	}
	return out, err
}

func (a *partsAPI) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput, fns ...func(*awss3.Options)) (*awss3.CompleteMultipartUploadOutput, error) {
	fns = append(fns, bringing(a.s.options.Headers.parts()))
	if a.s.upload.Combines() {
		in.ChecksumType = types.ChecksumTypeFullObject
	}
	return a.Client.CompleteMultipartUpload(ctx, in, append(fns, a.counted(ctx))...)
}

// AbortMultipartUpload is called by the manager after a failure. It also works where the transfer was cancelled: parts that stay
// cost their owner money for ever.
func (a *partsAPI) AbortMultipartUpload(ctx context.Context, in *awss3.AbortMultipartUploadInput, fns ...func(*awss3.Options)) (*awss3.AbortMultipartUploadOutput, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	fns = append(fns, bringing(a.s.options.Headers.others()))
	return a.Client.AbortMultipartUpload(ctx, in, append(fns, a.counted(ctx))...)
}

// counted counts the tries of an operation, by a client that sees each.
func (a *partsAPI) counted(ctx context.Context) func(*awss3.Options) {
	c := &countingClient{next: roundTripClient{a.s.wire}, count: store.CounterOf(ctx)}
	return func(o *awss3.Options) { o.HTTPClient = c }
}

type countingClient struct {
	next  roundTripClient
	count *store.Counter
	tried bool // one client serves one operation, whose tries follow each other
}

func (c *countingClient) Do(r *http.Request) (*http.Response, error) {
	c.count.Requests.Add(1)
	if c.tried {
		c.count.Retries.Add(1)
	}
	c.tried = true
	resp, err := c.next.Do(r)
	if err == nil && retry.Slower(resp.StatusCode) {
		c.count.Throttled.Add(1)
	}
	return resp, err
}

func partLen(r io.Reader) int64 {
	s, ok := r.(io.Seeker)
	if !ok {
		return 0
	}
	n, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		return 0
	}
	return n
}

// sdkError makes an Error of the SDK's.
func (s *Store) sdkError(ctx context.Context, op, key string, err error) error {
	var bug *cause.PanicError
	if errors.As(err, &bug) {
		return bug
	}
	var api smithy.APIError
	if ctx.Err() != nil || !errors.As(err, &api) {
		return s.sendError(ctx, op, key, err)
	}
	e := s.fault(op, key, nil, api.ErrorMessage(), nil)
	e.Code = api.ErrorCode()
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		e.Status = status.HTTPStatusCode()
	}
	return e.withKind()
}
