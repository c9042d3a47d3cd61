package awsconfig

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Load reads it at the first call, and gives the same ever after: credentials are cached and renewed in one place, however
// many use them. It is safe for concurrent use, and what it gives too.
func Load(context.Context) (aws.Config, error) { return load() }

// The first caller's context must not decide for all others.
var load = sync.OnceValues(func() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) })
