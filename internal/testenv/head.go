package testenv

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Client is AWS's own client of the server.
func (s *Server) Client() *awss3.Client {
	return awss3.New(awss3.Options{
		Region: s.Region, BaseEndpoint: &s.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// Head is what the server itself says of an object, asked by AWS's own client.
func (s *Server) Head(t testing.TB, key string) http.Header {
	t.Helper()
	out, err := s.Client().HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &s.Bucket, Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
	return middleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response).Header
}
