package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// makeBuckets makes the buckets through the server's own front door, so that a server that says it listens has answered
// a signed request. A bucket that is there already is fine.
func makeBuckets(ctx context.Context, url string, o options) error {
	c := s3.New(s3.Options{
		Region:       o.region,
		BaseEndpoint: aws.String(url),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(o.access, o.secret, ""),
		// The certificate is a test's own; what matters here is that this very server answers.
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	})
	if _, err := c.ListBuckets(ctx, &s3.ListBucketsInput{}); err != nil {
		return fmt.Errorf("asking %s for its buckets: %w", url, err)
	}
	for _, name := range o.buckets {
		var mine *types.BucketAlreadyOwnedByYou
		_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
		if err != nil && !errors.As(err, &mine) {
			return fmt.Errorf("making bucket %q: %w", name, err)
		}
	}
	return nil
}
