package s3

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Options of a Store. The zero value is good.
type Options struct {
	// VirtualHost puts the bucket in the host name even with a custom endpoint. Otherwise a custom endpoint gets it in the path,
	// because emulators and most servers know no other form.
	VirtualHost bool
	// PartSize is the size of a part of a multipart upload in bytes, and of the largest object that is sent by one request. 0 means
	// 16 MiB and 64 MiB: some servers write an object of parts twice. A part is larger where an object would have over 10,000.
	PartSize int64
	// MaxAttempts is how many tries a request has. 0 is the AWS configuration's number, or else retry.DefaultAttempts.
	MaxAttempts int
	// PageSize is how many objects are asked for in a page of a listing. 0 is 1000, the most there is.
	PageSize int

	Headers   Headers
	HasMeta   bool               // Headers have metadata
	Directive string             // of a copy's metadata: COPY, REPLACE, or "" for what HasMeta suggests
	CopyProps string             // what a copy keeps: "none", "metadata-directive" for no tags, or all of it
	Algorithm checksum.Algorithm // of uploads, in place of what the endpoint suggests

	Endpoint string // in place of the configuration's
	Timeouts wire.Timeouts
	Choice   awsconfig.Choice // what the configuration was loaded with
	Keys     awsconfig.S3     // what the AWS CLI would read beside it
	// Home gives the region where this process runs, "" for none. A configuration without region and endpoint begins there, and follows
	// where S3 says that the bucket is. It may be nil.
	Home func() string
	// CopyLimit is the size of the largest object that is copied by one request, in bytes. 0 is S3's own limit, 5 GiB.
	CopyLimit int64
}

// partSizes are what is asked for by an option, or else by the configuration file.
func (o Options) partSizes() partSizes {
	if o.PartSize > 0 {
		return partSizes{o.PartSize, o.PartSize}
	}
	p := partSizes{16 << 20, 64 << 20}
	if n := o.Keys.MultipartChunksize; n > 0 {
		p.size = max(n, leastPart)
	}
	if n := o.Keys.MultipartThreshold; n > 0 {
		p.single = min(n, copyLimit)
	}
	return p
}

// onto sets what the SDK's client is to do otherwise than it would.
func (o Options) onto(c *awss3.Options) {
	if o.Endpoint != "" { // what the environment says of S3's endpoint would win over the configuration's otherwise
		c.BaseEndpoint = &o.Endpoint
	}
	c.UseARNRegion = true // an access point is in the region of its name, as for the AWS CLI
	c.UseAccelerate = o.Keys.UseAccelerateEndpoint
	if o.Keys.UseDualstackEndpoint {
		c.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // ferry does it itself
	c.DisableLogOutputChecksumValidationSkipped = true
	switch o.Keys.AddressingStyle {
	case "path":
		c.UsePathStyle = true
	case "virtual":
		c.UsePathStyle = false
	default:
		c.UsePathStyle = c.BaseEndpoint != nil && !o.VirtualHost && !strings.HasSuffix(hostOf(*c.BaseEndpoint), ".amazonaws.com")
	}
}

// MaxRequests is how many requests the configuration file allows at once; 0 for no limit. It implements store.Limited.
func (s *Store) MaxRequests() int { return s.options.Keys.MaxConcurrentRequests }
