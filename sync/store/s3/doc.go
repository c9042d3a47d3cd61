// Package s3 is a store in a bucket of Amazon S3, or of a server that speaks its protocol.
//
// A transfer makes small requests by the thousand. They are built and signed here and sent over net/http, because the SDK's
// middleware costs more than the request itself (docs/sync.md has the profile). The SDK does the rest: configuration,
// endpoint, credentials, the adaptive retryer, and multipart uploads.
package s3
