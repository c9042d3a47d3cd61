package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	_ "golang.org/x/crypto/x509roots/fallback" // a scratch image has no CA certificates

	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
	"github.com/genepattern/ferry/wrapper"
)

// awsConfig is the machine's AWS configuration, which S3 uses too.
func awsConfig() (aws.Config, error) { return awsconfig.Load(context.Background()) }

// newOpener opens stores by their URLs, without settings of their own.
func newOpener() wrapper.Opener {
	o, err := stores.All.Opener(nil, os.LookupEnv)
	return func(ctx context.Context, url string) (store.Store, string, error) {
		if err != nil {
			return nil, "", err
		}
		return o.Open(ctx, url)
	}
}
