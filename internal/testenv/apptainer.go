package testenv

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
)

// Apptainer is the directory of the program apptainer, for PATH.
func Apptainer(t testing.TB) string {
	t.Helper()
	dir, err := lab.Apptainer()
	Require(t, err == nil, fmt.Sprintf("apptainer (scripts/apptainer.sh install): %v", err))
	return dir
}

// ModuleArchive writes a module image into dir as `docker save` does, without an engine, and returns its path. It needs the packages
// busybox-static and bash-static.
func ModuleArchive(t testing.TB, dir string, m Module) string {
	t.Helper()
	err := lab.Moduleable(m)
	Require(t, err == nil, fmt.Sprintf("Debian's busybox-static and bash-static: %v", err))
	file := filepath.Join(dir, string(m)+".tar")
	if err := lab.ModuleArchive(m, file); err != nil {
		t.Fatal(err)
	}
	return file
}
