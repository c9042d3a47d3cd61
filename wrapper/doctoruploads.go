package wrapper

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/sync/store"
)

// Uploads are the uploads that Doctor looks for below the remote root: those that were begun and never ended. In S3 they are parts of objects,
// in a directory the files in the making of killed processes.
type Uploads struct {
	Age   time.Duration // to which no part came for so long; 0 for DefaultUploadAge
	Abort bool          // removes what was sent of them
}

// DefaultUploadAge is longer than any transfer waits for its store.
const DefaultUploadAge = 24 * time.Hour

// namedUploads is how many Doctor names.
const namedUploads = 5

// uploads looks for uploads that somebody pays for and nobody will end.
func (d *doctor) uploads(ctx context.Context) Check {
	const name = "uploads"
	if d.remote == nil {
		return bad(name, fmt.Errorf("%s cannot be opened", d.job.Remote), "")
	}
	st, ok := d.remote.store.(store.Sweeper)
	if !ok {
		return good(name, "the store keeps no parts of objects")
	}
	age := d.parts.Age
	if age == 0 {
		age = DefaultUploadAge
	}
	n, bytes, text := 0, int64(0), ""
	for up, err := range st.Unfinished(ctx, under(d.remote.prefix, "")) {
		if err == nil && time.Since(up.Last) < age {
			continue
		}
		if err == nil && d.parts.Abort {
			if err = st.Abandon(ctx, up); errors.Is(err, store.ErrNotExist) {
				continue
			}
		}
		switch {
		case err != nil && (n > 0 || d.parts.Abort):
			return bad(name, fmt.Errorf("%d found, then: %w", n, err), "run it again")
		case err != nil: // no job needs it
			return good(name, "not looked for: %v", err)
		}
		if n++; n <= namedUploads {
			text += fmt.Sprintf(", %s begun %s", strconv.Quote(d.remote.store.URL(up.Key)), up.Begun.UTC().Format(time.RFC3339))
		} else if n == namedUploads+1 {
			text += ", and others"
		}
		bytes += up.Bytes
	}
	size := units.BytesSize(float64(bytes))
	switch {
	case n == 0:
		return good(name, "none is left over")
	case d.parts.Abort:
		return good(name, "%d aborted, %s%s", n, size, text)
	}
	hint := "--abort-uploads removes them; with the bucket's lifecycle rule of `ferry jobdef --lifecycle` S3 does"
	if _, itself := st.(store.SelfSweeper); itself {
		hint = "--abort-uploads removes them; so does what ferry next writes into their directories"
	}
	return bad(name, fmt.Errorf("%d never ended, %s, no part for %v%s", n, size, age, text), hint)
}
