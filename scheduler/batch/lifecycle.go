package batch

import "strings"

// abortDays is longer than any upload of a job takes.
const abortDays = 7

// A bucket's lifecycle configuration:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
type (
	// A Lifecycle is the whole document.
	Lifecycle struct{ Rules []LifecycleRule }
	// A LifecycleRule has S3 do something by itself.
	LifecycleRule struct {
		ID, Status string
		Filter     LifecycleFilter
		Abort      AbortUploads `json:"AbortIncompleteMultipartUpload"`
	}
	// A LifecycleFilter says for which keys.
	LifecycleFilter struct{ Prefix string }
	// AbortUploads removes the parts of uploads that were never ended.
	AbortUploads struct{ DaysAfterInitiation int }
)

// NewLifecycle makes the rule for the remote root's prefix, "" for the whole bucket.
func NewLifecycle(prefix string) Lifecycle {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return Lifecycle{Rules: []LifecycleRule{{ID: "ferry-abort-uploads", Status: "Enabled", Filter: LifecycleFilter{prefix}, Abort: AbortUploads{abortDays}}}}
}
