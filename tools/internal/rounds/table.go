package rounds

import (
	"fmt"
	"io"
	"slices"
)

// Against prints how many times as long a way takes as another, and how much longer, which should be within a limit of
// seconds; 0 is none.
func Against(w io.Writer, title string, way, other *Way, limit float64) error {
	added := way.median() - other.median()
	verdict := ""
	if limit > 0 {
		verdict = fmt.Sprintf(", %s the limit of %.1f s", map[bool]string{true: "within", false: "ABOVE"}[added <= limit], limit)
	}
	_, err := fmt.Fprintf(w, "%s: %.2f; difference %+.2f s%s\n", title, way.median()/other.median(), added, verdict)
	return err
}

// Table prints a line for each way: its ratio to the first, what it adds to that, its median, least and greatest.
func Table(w io.Writer, ways []*Way) error {
	first := ways[0]
	_, err := fmt.Fprintf(w, "%-26s %8s %8s %8s %8s %8s   (seconds, %d rounds)\n", "", "ratio", "added", "median", "least", "most", len(first.seconds))
	for i, way := range ways {
		added := ""
		if i > 0 {
			added = fmt.Sprintf("%+.2f", way.median()-first.median())
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%-26s %8.2f %8s %8.2f %8.2f %8.2f\n", way.Label, way.median()/first.median(), added,
				way.median(), slices.Min(way.seconds), slices.Max(way.seconds))
		}
	}
	return err
}
