package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	_ "golang.org/x/crypto/x509roots/fallback" // a scratch image has no CA certificates

	"github.com/genepattern/ferry/internal/awsconfig"
)

// awsConfig is the machine's AWS configuration, which S3 uses too.
func awsConfig() (aws.Config, error) { return awsconfig.Load(context.Background()) }
