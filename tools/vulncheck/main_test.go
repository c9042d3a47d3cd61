package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// A database that cannot be reached is not a clean result.
func TestDatabaseCannotBeReached(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, db := range []string{"http://127.0.0.1:1", srv.URL, "file:///nowhere", "://"} {
		t.Setenv("GOVULNDB", db)
		if code, err := run(t.Context(), nil); code != unreachable || err != nil {
			t.Errorf("%s gives %d, %v", db, code, err)
		}
	}
}

func TestDatabaseIsThere(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/index/db.json" {
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "index"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index/db.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, db := range []string{srv.URL, "file://" + dir} {
		if err := reach(t.Context(), db); err != nil {
			t.Errorf("%s: %v", db, err)
		}
	}
}
