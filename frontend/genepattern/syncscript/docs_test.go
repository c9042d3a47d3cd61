package syncscript

import (
	"os"
	"strings"
	"testing"
)

// Every command and every variable of the script is in the documentation.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../../docs/genepattern.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range commands {
		if !strings.Contains(string(data), "`"+name+"`") && !strings.Contains(string(data), "`"+name+" ") {
			t.Errorf("docs/genepattern.md does not mention %q", name)
		}
	}
	for name := range variables(testJob()) {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("docs/genepattern.md does not mention %q", name)
		}
	}
}
