package genepattern

import (
	"os"
	"strings"
	"testing"
)

// Every variable that is read is in the documentation.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/genepattern.md")
	if err != nil {
		t.Fatal(err)
	}
	names := append([]string{}, special...)
	for _, p := range plain {
		names = append(names, p.names...)
	}
	for _, s := range switches {
		names = append(names, s.name)
	}
	for _, n := range names {
		if !strings.Contains(string(data), "`"+n+"`") && !strings.Contains(string(data), "`"+n+" ") {
			t.Errorf("docs/genepattern.md does not mention %q", n)
		}
	}
}
