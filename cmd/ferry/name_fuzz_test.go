package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/frontend/module"
)

// FuzzGivenName holds that a file that is fetched lies in its directory, whatever its server or its URL calls it.
func FuzzGivenName(f *testing.F) {
	for _, h := range []string{`attachment; filename="../up/s 1.gct"`, `attachment; filename*=UTF-8''%2e%2e%2fx`, `x; filename=..`, `x; filename="/etc/passwd"`, `x; filename="a\\b\x00c"`, "x; filename*0=\"../\"; filename*1=x", "x;filename=\"\x1b[2J\n\""} {
		f.Add(h, "http://h/a/..%2f..%2fb?x=/y#z")
	}
	f.Add("", "http://h/%2e%2e")
	f.Fuzz(func(t *testing.T, disposition, address string) {
		name := module.SafeName(givenName(http.Header{"Content-Disposition": {disposition}}, address))
		if name == "" {
			return
		}
		if filepath.Base(name) != name || !filepath.IsLocal(name) || name == "." || len(name) > 255 || strings.ContainsAny(name, "\x00/") {
			t.Errorf("%q and %q give %q", disposition, address, name)
		}
	})
}
