//lint:file-ignore SA1019 feature/s3/manager was asked for by name. docs/dependencies.md says what follows it.

package s3

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

var _ store.Streamer = (*Store)(nil)

// streamed is how many parts of a stream are on their way at once at most. Each is held in memory.
const streamed = 4

// PutStream uploads what has no size yet, in parts. Without an expected size the parts are enough for 160 GB.
func (s *Store) PutStream(ctx context.Context, key string, r io.Reader, expected int64, o store.PutOptions) (store.Object, error) {
	if s.problem != nil {
		return store.Object{}, s.problem
	}
	at := s.places.here()
	// A stream cannot be sent twice, so its first request must go to the right place.
	s.places.move(at, s.places.regionOf(ctx, at, new(Error)))
	src := &streamSource{r: r}
	client := s.places.here().client
	up := manager.NewUploader(&partsAPI{Client: client, s: s, key: key, sent: o.Sent, slot: o.Slot}, func(u *manager.Uploader) {
		u.Concurrency = min(max(1, o.Parallel), streamed)
		u.PartSize = s.parts.size
		if least := expected/(maxParts-1) + 1; u.PartSize < least {
			u.PartSize = (least + 1<<20 - 1) &^ (1<<20 - 1)
		}
		u.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
	})
	in := &awss3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: src, Metadata: o.Meta}
	if o.ContentType != "" {
		in.ContentType = &o.ContentType
	}
	if s.upload != checksum.None {
		in.ChecksumAlgorithm = types.ChecksumAlgorithm(strings.ToUpper(string(s.upload)))
	}
	out, err := up.Upload(ctx, in)
	switch {
	case src.err != nil:
		return store.Object{}, s.fault("writing", key, nil, "", &store.BodyError{Err: src.err})
	case err != nil:
		return store.Object{}, s.sdkError(ctx, "writing", key, err)
	}
	return store.Object{Key: key, Size: src.n, ETag: aws.ToString(out.ETag), ModTime: time.Now()}, nil
}

// A streamSource is read by one goroutine of the manager. It hides what else r is, and keeps its error.
type streamSource struct {
	r   io.Reader
	n   int64
	err error
}

func (s *streamSource) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// PutObject is how the manager sends what is no longer than one part.
func (a *partsAPI) PutObject(ctx context.Context, in *awss3.PutObjectInput, fns ...func(*awss3.Options)) (out *awss3.PutObjectOutput, err error) {
	fns = append(fns, bringing(a.s.options.Headers.writes()))
	err = a.send(ctx, fns, func(fns []func(*awss3.Options)) (err error) {
		partLen(in.Body) // rewinds it
		out, err = a.Client.PutObject(ctx, in, fns...)
		return err
	})
	return out, err
}
