package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store"
)

// Kind is S3 with the machine's AWS configuration.
var Kind = NewKind(awsconfig.Load)

// NewKind is S3 with the configuration that load gives. load is called once for each bucket, and gives the same each time.
func NewKind(load func(context.Context) (aws.Config, error)) store.Kind {
	return store.Kind{
		Name:    "Amazon S3",
		Schemes: []string{"s3"},
		Form:    "s3://BUCKET/PREFIX",
		Parse:   store.ParseBucket,
		Can:     store.Everything,
		Options: fields.Options(),
		Hints:   hints,
		Open: func(ctx context.Context, at store.Opening) (store.Store, error) {
			o, err := fields.Read(at.Settings)
			if err != nil {
				return nil, err
			}
			conf, err := load(ctx)
			if err != nil {
				return nil, &cause.Error{Cause: cause.Usage, Hint: "see ~/.aws/config and the AWS_ variables", Err: err}
			}
			return New(conf, at.Bucket, o), nil
		},
	}
}

// leastPart of a multipart upload, but for its last one, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const leastPart = 5 << 20

// fields are the options that a command takes. They are for servers with habits of their own, and few users need them. What the SDK's
// configuration has (endpoint, region, number of tries) is not among them.
var fields = store.Fields[Options]{
	{Name: "s3-virtual-host", Hidden: true, Usage: "put the bucket in the host name also with a custom endpoint",
		Set: func(o *Options, v string) error {
			if v != "true" && v != "false" {
				return fmt.Errorf("%q is neither true nor false", v)
			}
			o.VirtualHost = v == "true"
			return nil
		}},
	{Name: "s3-part-size", Arg: "SIZE", Hidden: true, Usage: "send what is larger than SIZE in parts of that size",
		Set: func(o *Options, v string) error {
			n, err := units.RAMInBytes(v)
			if err != nil {
				return fmt.Errorf("%q is no size", v)
			}
			if n < leastPart {
				return fmt.Errorf("%q is less than 5m, the least that S3 takes", v)
			}
			o.PartSize = n
			return nil
		}},
}
