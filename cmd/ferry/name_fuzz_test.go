package main

import (
	"mime"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFetchedName holds that a file that is fetched lies in its directory, whatever its server or its URL calls it.
func FuzzFetchedName(f *testing.F) {
	for _, h := range []string{`attachment; filename="../up/s 1.gct"`, `attachment; filename*=UTF-8''%2e%2e%2fx`, `x; filename=..`, `x; filename="/etc/passwd"`, `x; filename="a\\b\x00c"`, "x; filename*0=\"../\"; filename*1=x", "x;filename=\"\x1b[2J\n\""} {
		f.Add(h, "http://h/a/..%2f..%2fb?x=/y#z")
	}
	f.Add("", "http://h/%2e%2e")
	f.Fuzz(func(t *testing.T, disposition, address string) {
		given := disposition
		if _, params, err := mime.ParseMediaType(disposition); err == nil {
			given = params["filename"]
		}
		name := fetchedName(given, address)
		if filepath.Base(name) != name || !filepath.IsLocal(name) || name == "." || len(name) > 255 || strings.ContainsAny(name, "\x00/") {
			t.Errorf("%q and %q give %q", disposition, address, name)
		}
	})
}
