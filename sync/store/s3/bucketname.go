package s3

import (
	"errors"
	"regexp"
	"strings"

	"github.com/genepattern/ferry/sync/store"
)

// What follows s3:// may be an ARN, in which slashes stand before the key begins. The patterns are the AWS CLI's.
var (
	accessPoint = regexp.MustCompile(`^(arn:aws[^:]*:s3:[a-z0-9-]*:[0-9]{12}:accesspoint[:/][^/]+)/?(.*)$`)
	outpost     = regexp.MustCompile(`^(arn:aws[^:]*:s3-outposts:[a-z0-9-]+:[0-9]{12}:outpost[/:][a-zA-Z0-9-]{1,63}[/:]accesspoint[/:][a-zA-Z0-9-]{1,63})[/:]?(.*)$`)
)

// parseBucket tells the bucket, or the access point, from the key prefix.
func parseBucket(rest string) (bucket, prefix string, err error) {
	if !strings.HasPrefix(rest, "arn:") {
		return store.ParseBucket(rest)
	}
	for _, form := range []*regexp.Regexp{accessPoint, outpost} {
		if m := form.FindStringSubmatch(rest); m != nil {
			return m[1], m[2], nil
		}
	}
	return "", "", errors.New("is no ARN of an access point")
}

// directorySuffix ends the name of a directory bucket, and no other bucket's.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html
const directorySuffix = "--x-s3"

// isDirectory reports whether a bucket is one of S3 Express One Zone.
func isDirectory(bucket string) bool { return strings.HasSuffix(bucket, directorySuffix) }
