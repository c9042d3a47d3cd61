package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	_ "golang.org/x/crypto/x509roots/fallback" // a scratch image has no CA certificates

	"github.com/genepattern/ferry/internal/awsconfig"
)

// awsConfig is the machine's AWS configuration, which S3 uses too. Where it names no region, that of the task or the instance holds.
func awsConfig(w world) (aws.Config, error) { return awsconfig.At(w.lookup) }
