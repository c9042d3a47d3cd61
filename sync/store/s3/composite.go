package s3

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// composite finds out how large the parts of an object are. S3 tells all their sizes at once, where the role may ask. Elsewhere the first part's
// size is taken for that of all but the last, until the sum says otherwise. Where nobody tells, the PartSize is 0.
func (g getter) composite(ctx context.Context, r *store.Reader, sum checksum.Sum, parts string) checksum.Composite {
	c := checksum.Composite{Sum: sum, PartSize: r.Size}
	if parts == "1" || r.Size <= 0 {
		return c
	}
	if !g.s.noSizes.Load() {
		if c.Sizes = g.partSizes(ctx, r); c.Sizes != nil {
			return c
		}
		g.s.noSizes.Store(ctx.Err() == nil)
	}
	size, count := g.part(ctx, r, 1)
	if parts == "" {
		parts = count
	}
	n, err := strconv.Atoi(parts)
	if err != nil || size <= 0 || n < 2 || n > maxParts {
		return checksum.Composite{}
	}
	c.PartSize = size
	r.PartSizes = func() []int64 {
		sizes := []int64{size}
		for i := 2; i <= n; i++ {
			next, _ := g.part(ctx, r, i)
			if next <= 0 {
				return nil
			}
			sizes = append(sizes, next)
		}
		return sizes
	}
	if (r.Size+size-1)/size != int64(n) {
		c.Sizes, r.PartSizes = r.PartSizes(), nil
		if c.Sizes == nil {
			return checksum.Composite{}
		}
	}
	return c
}

// part is the size of one part of an object, 0 where the store does not tell, and how many parts there are.
func (g getter) part(ctx context.Context, r *store.Reader, number int) (size int64, count string) {
	q := request{op: "asking for the parts of", method: http.MethodHead, key: r.Key, query: "partNumber=" + strconv.Itoa(number), sha256: emptyPayload,
		want: http.StatusPartialContent, brings: g.s.options.Headers.reads(), header: http.Header{"If-Match": {r.ETag}}}
	err := g.s.send(ctx, &q, func(resp *http.Response) error {
		size, count = resp.ContentLength, resp.Header.Get("X-Amz-Mp-Parts-Count")
		return resp.Body.Close()
	})
	if err != nil {
		return 0, ""
	}
	return size, count
}

// partSizes are the sizes of all parts; nil where the store does not tell them. Its answer has a thousand at most.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
func (g getter) partSizes(ctx context.Context, r *store.Reader) (sizes []int64) {
	left := r.Size
	for marker := "0"; left > 0; {
		q := request{op: "asking for the parts of", method: http.MethodGet, key: r.Key, query: "attributes=", sha256: emptyPayload, want: http.StatusOK,
			brings: g.s.options.Headers.reads(), header: http.Header{"X-Amz-Object-Attributes": {"ETag,ObjectParts"}, "X-Amz-Part-Number-Marker": {marker}}}
		var got struct {
			ETag  string
			Parts []struct{ Size int64 } `xml:"ObjectParts>Part"`
			Next  string                 `xml:"ObjectParts>NextPartNumberMarker"`
		}
		err := copying{s: g.s}.document(ctx, &q, &got)
		if err != nil || len(got.Parts) == 0 || len(sizes)+len(got.Parts) > maxParts || strings.Trim(got.ETag, `"`) != strings.Trim(r.ETag, `"`) {
			return nil
		}
		for _, p := range got.Parts {
			if p.Size <= 0 || p.Size > left {
				return nil
			}
			sizes, left = append(sizes, p.Size), left-p.Size
		}
		marker = got.Next
	}
	return sizes
}
