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

// A client makes buckets through the server's own front door, so that a server that says it listens has answered a
// signed request.
type client struct {
	s3  *s3.Client
	url string
}

func newClient(url string, o options) *client {
	return &client{url: url, s3: s3.New(s3.Options{
		Region:       o.region,
		BaseEndpoint: aws.String(url),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(o.access, o.secret, ""),
		// The certificate is a test's own; what matters here is that this very server answers.
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	})}
}

// start waits for an answer and makes the buckets.
func (c *client) start(ctx context.Context, buckets []string) error {
	if _, err := c.s3.ListBuckets(ctx, &s3.ListBucketsInput{}); err != nil {
		return fmt.Errorf("asking %s for its buckets: %w", c.url, err)
	}
	for _, name := range buckets {
		if err := c.makeBucket(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// makeBucket makes a bucket; one that is there already is fine.
func (c *client) makeBucket(ctx context.Context, name string) error {
	var mine *types.BucketAlreadyOwnedByYou
	_, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	if err != nil && !errors.As(err, &mine) {
		return fmt.Errorf("making bucket %q: %w", name, err)
	}
	return nil
}
