package s3

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store"
)

// Kind is S3 with the machine's AWS configuration.
var Kind = NewKind(awsconfig.LoadFor)

// A Load gives a configuration, and what only the AWS CLI reads of it. It is called once for each bucket, and gives the same each time.
type Load func(context.Context, awsconfig.Choice) (aws.Config, awsconfig.S3, error)

// NewKind is S3 with the configuration that load gives.
func NewKind(load Load) store.Kind {
	return store.Kind{
		Name:    "Amazon S3",
		Schemes: []string{"s3"},
		Form:    "s3://BUCKET/PREFIX",
		Parse:   parseBucket,
		Can:     store.Everything,
		Options: fields.Options(),
		Hints:   hints,
		Open: func(ctx context.Context, at store.Opening) (store.Store, error) {
			o, err := fields.Read(at.Settings)
			if err != nil {
				return nil, err
			}
			if err := o.check(); err != nil {
				return nil, &cause.Error{Cause: cause.Usage, Err: err}
			}
			conf, keys, err := load(ctx, o.Choice)
			o.Keys = keys
			if err != nil {
				return nil, &cause.Error{Cause: cause.Usage, Hint: "see ~/.aws/config and the AWS_ variables", Err: err}
			}
			if at.Lookup != nil {
				o.Home = func() string { return awsconfig.Region(at.Lookup) }
			}
			return New(conf, at.Bucket, o), nil
		},
	}
}

// leastPart of a multipart upload, but for its last one, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const leastPart = 5 << 20

// fields are the options that a command takes: those for servers with habits of their own, which few users need, and those of the AWS
// CLI.
var fields = slices.Concat(ownFields, objectFields, connectFields)

// ownFields but for the first are hidden. The AWS CLI has the like in its configuration file.
var ownFields = store.Fields[Options]{
	store.WaitField(func(o *Options) *time.Duration { return &o.Timeouts.Patience }),
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
