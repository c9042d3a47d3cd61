package s3

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/genepattern/ferry/sync/store"
)

var _ store.Sweeper = (*Store)(nil)

// Unfinished lists the multipart uploads that were neither completed nor aborted, and the parts of each.
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[store.Unfinished, error] {
	return func(yield func(store.Unfinished, error) bool) {
		if s.problem != nil {
			yield(store.Unfinished{}, s.problem)
			return
		}
		client := s.places.here().client
		pages := awss3.NewListMultipartUploadsPaginator(client, &awss3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			store.CounterOf(ctx).Requests.Add(1)
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(store.Unfinished{}, s.sdkError(ctx, "listing uploads", prefix, err))
				return
			}
			for _, up := range page.Uploads {
				u := store.Unfinished{Key: aws.ToString(up.Key), ID: aws.ToString(up.UploadId), Begun: aws.ToTime(up.Initiated)}
				if err := addParts(ctx, client, s.bucket, &u); err != nil {
					yield(u, s.sdkError(ctx, "listing the parts of", u.Key, err))
					return
				}
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

// addParts finds when a part came last, and how much there is.
func addParts(ctx context.Context, client *awss3.Client, bucket string, u *store.Unfinished) error {
	u.Last = u.Begun
	pages := awss3.NewListPartsPaginator(client, &awss3.ListPartsInput{Bucket: &bucket, Key: &u.Key, UploadId: &u.ID})
	for pages.HasMorePages() {
		store.CounterOf(ctx).Requests.Add(1)
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.Parts {
			u.Bytes += aws.ToInt64(p.Size)
			if at := aws.ToTime(p.LastModified); at.After(u.Last) {
				u.Last = at
			}
		}
	}
	return nil
}

// giveUpTries and giveUpPause bound how long giveUp looks after an upload.
const (
	giveUpTries = 5
	giveUpPause = 100 * time.Millisecond
)

// giveUp aborts an upload whose parts may have been cut off on their way. A part that the server still works on can outlive that, so it is
// aborted until the server knows it no more.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
func giveUp(ctx context.Context, client *awss3.Client, in *awss3.AbortMultipartUploadInput, fns ...func(*awss3.Options)) error {
	for try := range giveUpTries {
		store.CounterOf(ctx).Requests.Add(2)
		if _, err := client.AbortMultipartUpload(ctx, in, fns...); err != nil && !isGone(err) {
			return err
		}
		select {
		case <-time.After(giveUpPause << try):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if _, err := client.ListParts(ctx, &awss3.ListPartsInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId}, fns...); err != nil {
			return nil // it is gone, or who may not look cannot know better
		}
	}
	return nil
}

// isGone says that there is no such upload.
func isGone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchUpload"
}

// Abandon aborts an upload.
func (s *Store) Abandon(ctx context.Context, u store.Unfinished) error {
	store.CounterOf(ctx).Requests.Add(1)
	_, err := s.places.here().client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &u.Key, UploadId: &u.ID})
	if isGone(err) {
		return s.fault("aborting the upload of", u.Key, store.ErrNotExist, "", nil)
	}
	if err != nil {
		return s.sdkError(ctx, "aborting the upload of", u.Key, err)
	}
	return nil
}
