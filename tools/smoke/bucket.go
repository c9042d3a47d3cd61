package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/lab"
)

// An emulator that is just starting is waited for, but not for long.
const (
	bucketWithin = 30 * time.Second
	bucketTries  = 6
)

// makeBucket makes a bucket by a signed request.
func makeBucket(ctx context.Context, b *lab.Server) error {
	ctx, cancel := context.WithTimeout(ctx, bucketWithin)
	defer cancel()
	c := s3.New(s3.Options{
		Region: b.Region, BaseEndpoint: &b.Endpoint, UsePathStyle: true, RetryMaxAttempts: bucketTries,
		Credentials:                credentials.NewStaticCredentialsProvider(b.AccessKey, b.SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.Bucket}); err != nil {
		return fmt.Errorf("no bucket could be made at %s: %w", b.Endpoint, err)
	}
	return nil
}
