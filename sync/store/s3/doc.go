// Package s3 is a store in a bucket of Amazon S3 or of a server that speaks its protocol.
//
// Small requests, which a transfer makes by the thousand, are built and signed here and sent over net/http, because the
// SDK's stack of middlewares costs more than the request itself (docs/sync.md has the profile). Everything around them
// is the SDK's: configuration, endpoint, credentials and their renewal, the adaptive retryer, and multipart uploads.
package s3
