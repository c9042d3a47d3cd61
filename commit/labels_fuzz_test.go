package commit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/engine"
)

// FuzzLabels holds that labels, which whoever makes an image can write, end nothing, and that a name is one that a registry may have.
func FuzzLabels(f *testing.F) {
	f.Add(`["/a","/b/c"]`, `{"module":"m","dirs":["/a"]}`, "registry.example.org:5000/frozen/{module}:{tag}")
	f.Add(`[null,1]`, `{"dirs":null}`, "a")
	f.Add("urn:lsid:a:b:c:"+strings.Repeat("7", 140), `{}`, strings.Repeat("n", 300))
	f.Add(`{`, `[]`, "UPPER@sha256:0")
	f.Fuzz(func(t *testing.T, dirs, origin, text string) {
		_ = frozenDirs(engine.Image{Labels: map[string]string{LabelDirs: dirs}})
		var o Origin
		if json.Unmarshal([]byte(origin), &o) == nil {
			var again Origin
			if err := json.Unmarshal([]byte(o.Label()), &again); err != nil {
				t.Error(err)
			}
		}
		_ = digestOf(engine.Image{Digest: text})
		for _, m := range []Module{{Name: text, LSID: dirs}, {Name: origin, LSID: text}} {
			for _, given := range []string{Auto, text} {
				n, err := parseName(given, m)
				if err != nil {
					continue
				}
				if n.setTag(m, "sha256:0123456789abcdef"); n.host == "" {
					n.host = "registry.example.org"
				}
				if _, err := reference.ParseNormalizedNamed(n.reference()); err != nil {
					t.Errorf("%q of %+v is called %q: %v", given, m, n.reference(), err)
				}
			}
		}
	})
}
