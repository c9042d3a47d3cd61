package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/minio"
)

// minioWithin bounds MinIO's start.
const minioWithin = 60 * time.Second

// startMinIO starts the MinIO at path over dir, with one bucket.
func startMinIO(path, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	cmd := minio.Command(path, addr, dir, accessKey, secretKey)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	srv := &server{dir: dir, target: target{endpoint: "http://" + addr}, bucket: &lab.Server{Dir: filepath.Join(dir, bucket)},
		end: func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }}
	client := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &srv.target.endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	ctx, cancel := context.WithTimeout(context.Background(), minioWithin)
	defer cancel()
	for {
		if _, err = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err == nil {
			return srv, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("MinIO does not start: %w", err), srv.stop())
		}
	}
}
