package module

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// A Listed is a module that List found, or why what looks like one is none.
type Listed struct {
	Path     string
	Manifest Manifest
	Err      error // Open's, or that of Refuse
}

// maxListed bounds a listing, and maxZips how deep zips may lie in zips.
const (
	maxListed = 10_000
	maxZips   = 4
)

// List finds the modules in a directory and all below it: directories with a manifest, zips, and zips in zips.
func List(dir string) ([]Listed, error) {
	var all []Listed
	st, err := os.Stat(dir)
	if err != nil {
		return nil, cause.Fail(cause.Usage, "", "%w", err)
	}
	if !st.IsDir() {
		return listZip(dir, 0), nil
	}
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == dir:
			return err
		case err != nil:
			all = append(all, Listed{Path: p, Err: err})
			return nil
		case len(all) > maxListed:
			return fs.SkipAll
		case d.IsDir():
			if strings.HasPrefix(d.Name(), ".") && p != dir {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "manifest")); err == nil {
				all = append(all, look(p))
				return fs.SkipDir // what is in a module is the module's
			}
		case strings.EqualFold(filepath.Ext(p), ".zip"):
			all = append(all, listZip(p, 0)...)
		}
		return nil
	})
	if err != nil {
		return nil, cause.Fail(cause.Usage, "", "%w", err)
	}
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// listZip is a zip, or the zips in it.
func listZip(p string, depth int) []Listed {
	one := look(p)
	if cause.Of(one.Err) != cause.Refused || one.Manifest.Name != "" || depth >= maxZips {
		return []Listed{one}
	}
	all := []Listed{}
	for _, name := range zipsIn(p) {
		all = append(all, listZip(p+"/"+name, depth+1)...)
	}
	return all
}

func look(p string) Listed {
	s, err := Open(p)
	if err != nil {
		return Listed{Path: p, Err: err}
	}
	defer func() { _ = s.Close() }()
	return Listed{Path: p, Manifest: s.Manifest, Err: s.Manifest.Refuse()}
}

// zipsIn are the zips at the top of a zip, which may be in a zip itself.
func zipsIn(p string) []string {
	s := &Source{Name: p}
	defer func() { _ = s.Close() }()
	file, inner, err := splitPath(p)
	if err != nil {
		return nil
	}
	if s.openFile(file, inner) != nil {
		return nil
	}
	zips, _, _ := checkZip(s.zip)
	return zips
}
