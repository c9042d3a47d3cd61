package submit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
)

const (
	gib = 1 << 30
	// roomy is how many times the peak a limit must be before a smaller one is suggested, and smallest the limit below which it
	// would save nothing.
	roomy    = 2
	smallest = 1 * gib
)

// suggest says which memory limit fits, by the peak of a run; "" where there is nothing to gain.
func suggest(limit, peak int64, c cause.Cause) string {
	switch {
	case limit <= 0:
		return ""
	case c == cause.OOM: // soon after its start perhaps, when nobody has measured a peak yet
		return fmt.Sprintf("%s were too little: try --memory %s", size(limit), FlagSize(2*limit))
	case peak > 0 && limit >= smallest && limit >= roomy*peak && flagBytes(peak) < limit:
		return fmt.Sprintf("asked %s, used %s: --memory %s is enough", size(limit), size(peak), FlagSize(peak+peak/4))
	}
	return ""
}

func flagBytes(peak int64) int64 { return wholeMiB(peak + peak/4) }

// wholeMiB rounds up to 256 MiB.
func wholeMiB(n int64) int64 {
	const step = 256 << 20
	return (n + step - 1) / step * step
}

// FlagSize is a size as --memory takes it, rounded up to 256 MiB.
func FlagSize(n int64) string {
	n = wholeMiB(n)
	if n%gib == 0 {
		return fmt.Sprintf("%dg", n/gib)
	}
	return fmt.Sprintf("%dm", n>>20)
}

// size is a size for people.
func size(n int64) string {
	if n >= gib {
		return strings.TrimSuffix(strconv.FormatFloat(float64(n)/gib, 'f', 1, 64), ".0") + " GiB"
	}
	return fmt.Sprintf("%d MiB", (n+1<<19)>>20)
}

// A Retry is what --retry-oom asks for: how much more memory, and how often.
type Retry struct {
	Factor float64
	Times  int
}

// ParseRetry reads FACTORx,TIMES, such as 2x,2. The times may be left out, and are 1 then.
func ParseRetry(s string) (Retry, error) {
	factor, times, has := strings.Cut(s, ",")
	f, err := strconv.ParseFloat(strings.TrimSuffix(factor, "x"), 64)
	if err != nil || !(f > 1 && f <= 100) {
		return Retry{}, fmt.Errorf("%q is no factor above 1 and a number of times, such as 2x,2", s)
	}
	n := 1
	if has {
		if n, err = strconv.Atoi(times); err != nil || n < 1 || n > 10 {
			return Retry{}, fmt.Errorf("%q is no factor and a number of times from 1 to 10, such as 2x,2", s)
		}
	}
	return Retry{Factor: f, Times: n}, nil
}

// OutOfMemory are the children of an array that were killed for memory when it was submitted last, and the largest limit that one of
// them had, in bytes. The error has a cause.
func (c *Client) OutOfMemory(ctx context.Context, ref string) (children []int, limit int64, err error) {
	s, err := c.find(ctx, ref)
	if err != nil || s.file.Array == nil {
		return nil, 0, err
	}
	st, err := s.status(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, i := range st.Failed {
		if slices.Contains(s.file.Array.Failed, i) {
			continue
		}
		rec, err := s.childRecord(ctx, i)
		if err != nil {
			return nil, 0, err
		}
		if rec != nil && rec.Cause == cause.OOM && rec.Limits.Memory > 0 {
			children, limit = append(children, i), max(limit, rec.Limits.Memory)
		}
	}
	return children, limit, nil
}

// More is the limit of the next try, in bytes.
func (r Retry) More(limit int64) int64 { return wholeMiB(int64(float64(limit) * r.Factor)) }
