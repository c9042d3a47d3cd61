package s3

import (
	"context"
	"iter"
	"strings"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/sorted"
)

// listDirectory lists a directory bucket. Its answers come in no order, and a prefix must end in a slash there.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
func listDirectory(ctx context.Context, s *Store, prefix string) iter.Seq2[store.Object, error] {
	whole := prefix[:strings.LastIndexByte(prefix, '/')+1]
	return sorted.List(ctx, func(yield func(store.Object, error) bool) {
		for o, err := range list(ctx, s, whole, false) {
			if err == nil && !strings.HasPrefix(o.Key, prefix) {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}, sorted.Budget)
}

// wholeSums reports whether S3 keeps a checksum of the whole of an object that comes in parts.
func wholeSums(s *Store) bool { return s.upload.Combines() && !isDirectory(s.bucket) }
