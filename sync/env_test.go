package sync_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genepattern/ferry/internal/testenv"
)

// putWithChecksums stores objects with the SDK, which adds a CRC32 that the server keeps.
func putWithChecksums(t *testing.T, srv *testenv.Server, prefix string, content map[string]string) {
	t.Helper()
	c := awss3.New(awss3.Options{
		Region: srv.Region, BaseEndpoint: &srv.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, ""),
	})
	for name, v := range content {
		_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{
			Bucket: &srv.Bucket, Key: aws.String(prefix + name), Body: bytes.NewReader([]byte(v)),
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// smallDisk mounts a file system of so many bytes. It takes root.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("ferry-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	testenv.Require(t, err == nil, fmt.Sprintf("mounting a small file system needs root: %v", err))
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
