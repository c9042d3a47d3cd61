package main

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	_ "golang.org/x/crypto/x509roots/fallback" // a scratch image has no CA certificates

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/wrapper"
)

// awsConfig is the machine's AWS configuration, as every SDK finds it. It is read once: credentials are cached and renewed
// in one place, however many use them.
var awsConfig = sync.OnceValues(func() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) })

// newOpener opens stores by their URLs.
func newOpener() wrapper.Opener {
	return func(_ context.Context, url string) (store.Store, string, error) {
		at, err := store.Parse(url)
		if err != nil {
			return nil, "", &cause.Error{Cause: cause.Usage, Hint: "such as s3://bucket/prefix", Err: err}
		}
		if at.Scheme == store.SchemeFile {
			st, err := dir.New(at.Bucket)
			if err != nil {
				return nil, "", &cause.Error{Cause: cause.Usage, Err: err}
			}
			return st, "", nil
		}
		conf, err := awsConfig()
		if err != nil {
			return nil, "", &cause.Error{Cause: cause.Usage, Hint: "see ~/.aws/config and the AWS_ variables", Err: err}
		}
		return s3.New(conf, at.Bucket, s3.Options{}), at.Prefix, nil
	}
}
