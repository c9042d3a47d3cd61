package lab

import (
	"os"
	"path/filepath"
	"runtime"
)

// Root is the repository's top directory. It panics where there is none, which is a mistake of the caller's.
func Root() string {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		return filepath.Dir(filepath.Dir(filepath.Dir(file)))
	}
	// A program built with -trimpath knows no absolute path. It runs somewhere in the repository.
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	panic("lab: the repository's top directory cannot be found")
}

// cacheDir is where built programs are kept between runs; the repository ignores it.
func cacheDir() string { return filepath.Join(Root(), "bin", "test") }
