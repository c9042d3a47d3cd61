//lint:file-ignore SA1019 feature/s3/manager was asked for by name. docs/dependencies.md says what follows it.

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/genepattern/ferry/sync/store/wire"
)

// maxParts of an upload.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const maxParts = 10000

// putParts uploads in parts, by the SDK's manager. Upstream no longer develops the manager. A move to its successor,
// feature/s3/transfermanager, changes this file alone.
func putParts(ctx context.Context, s *Store, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	client := s.places.here().client
	api := &partsAPI{Client: client, s: s, key: key, sent: o.Sent, slot: o.Slot, body: b.At}
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

// partsAPI is the client as the manager uses it, with the store's own Loop around each request.
type partsAPI struct {
	*awss3.Client
	s    *Store
	key  string
	sent func(int64)
	slot func(context.Context) (release func(), err error) // nil for no limit
	body io.ReaderAt                                       // what the parts are read from; nil where they are in memory
}

// unread is why the body cannot be read; nil where it can.
func (a *partsAPI) unread() error {
	if src, ok := a.body.(*wire.Source); ok {
		return src.Err()
	}
	return nil
}

var _ manager.UploadAPIClient = (*partsAPI)(nil)

// CreateMultipartUpload asks S3 to keep a checksum of the whole object. A download in pieces is verified with it. S3 would otherwise
// keep the checksums of the parts only.
func (a *partsAPI) CreateMultipartUpload(ctx context.Context, in *awss3.CreateMultipartUploadInput, fns ...func(*awss3.Options)) (out *awss3.CreateMultipartUploadOutput, err error) {
	fns = append(fns, bringing(a.s.options.Headers.writes()))
	if wholeSums(a.s) {
		in.ChecksumType = types.ChecksumTypeFullObject
	}
	err = a.send(ctx, fns, func(fns []func(*awss3.Options)) (err error) {
		out, err = a.Client.CreateMultipartUpload(ctx, in, fns...)
		return err
	})
	return out, err
}

func (a *partsAPI) UploadPart(ctx context.Context, in *awss3.UploadPartInput, fns ...func(*awss3.Options)) (out *awss3.UploadPartOutput, err error) {
	defer func() { // in the manager's goroutine nobody else would
		if p := recover(); p != nil {
			err = cause.Caught(p)
		}
	}()
	fns = append(fns, bringing(a.s.options.Headers.parts()))
	if a.slot != nil {
		release, err := a.slot(ctx)
		if err != nil {
			return nil, a.s.sendError(ctx, "writing", a.key, err)
		}
		defer release()
	}
	n := partLen(in.Body)
	err = a.send(ctx, fns, func(fns []func(*awss3.Options)) (err error) {
		partLen(in.Body) // rewinds it
		out, err = a.Client.UploadPart(ctx, in, fns...)
		if unread := a.unread(); err != nil && unread != nil {
			return a.s.fault("writing", a.key, nil, "", unread) // no use to try again
		}
		return err
	})
	if err == nil && a.sent != nil {
		a.sent(n)
	}
	return out, err
}

// CompleteMultipartUpload makes the object.
func (a *partsAPI) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput, fns ...func(*awss3.Options)) (out *awss3.CompleteMultipartUploadOutput, err error) {
	fns = append(fns, bringing(a.s.options.Headers.parts()))
	if wholeSums(a.s) {
		in.ChecksumType = types.ChecksumTypeFullObject
	}
	c := completion{op: "writing", key: a.key}
	c.err = a.send(ctx, fns, func(fns []func(*awss3.Options)) (err error) {
		c.tries++
		if out, err = a.Client.CompleteMultipartUpload(ctx, in, fns...); err == nil {
			c.tag = aws.ToString(out.ETag)
		}
		return err
	})
	for _, p := range in.MultipartUpload.Parts {
		c.parts = append(c.parts, aws.ToString(p.ETag))
	}
	tag, err := settle(ctx, a.s, c)
	if err != nil {
		return nil, err
	}
	if out == nil {
		out = new(awss3.CompleteMultipartUploadOutput)
	}
	out.ETag = &tag
	return out, nil
}

// AbortMultipartUpload is called by the manager after a failure. It also works where the transfer was cancelled: parts that stay
// cost their owner money for ever.
func (a *partsAPI) AbortMultipartUpload(ctx context.Context, in *awss3.AbortMultipartUploadInput, fns ...func(*awss3.Options)) (*awss3.AbortMultipartUploadOutput, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	fns = append(fns, bringing(a.s.options.Headers.others()))
	return &awss3.AbortMultipartUploadOutput{}, giveUp(ctx, a.Client, in, fns...)
}

// send makes the tries of one operation. The Loop alone sends again.
func (a *partsAPI) send(ctx context.Context, fns []func(*awss3.Options), try func([]func(*awss3.Options)) error) error {
	fns = append(fns, func(o *awss3.Options) { o.Retryer = aws.NopRetryer{} })
	err := a.s.loop.Do(ctx, func() error {
		err := try(fns)
		if err != nil {
			return a.s.sdkError(ctx, "writing", a.key, err)
		}
		return nil
	})
	return a.s.unsent(ctx, "writing", a.key, err)
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
	var own *Error
	if ctx.Err() == nil && errors.As(err, &own) { // out of the Loop
		if errors.Is(err, store.ErrOutage) {
			return fmt.Errorf("%w: %w", store.ErrOutage, own)
		}
		return own
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
