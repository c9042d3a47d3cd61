package s3

// copyLimit is the size of the largest object that one request can make or copy, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const copyLimit = 5 << 30
