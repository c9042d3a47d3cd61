package azure_test

import (
	"regexp"
	"testing"

	"github.com/genepattern/ferry/sync/store/azure"
)

var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Every name becomes an identifier, and is itself again afterwards.
func FuzzNames(f *testing.F) {
	for _, n := range []string{"file-permissions", "a_b", "a-_b", "a_-b", "-z2d", "9lives", "_z5f", "x.y", "-", "--z", "a-z", "ü"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		e := azure.EncodeName(name)
		if back := azure.DecodeName(e); !identifier.MatchString(e) || back != name {
			t.Errorf("%q becomes %q, and %q", name, e, back)
		}
	})
}

func TestNames(t *testing.T) {
	if e := azure.EncodeName("file-permissions"); e != "file_permissions" {
		t.Errorf("%q", e)
	}
}
