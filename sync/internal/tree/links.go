package tree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Links says what links mean to whoever made them. A module sees its job's directories at other paths than ferry does, and a link from
// one to another, or an absolute link within one, leads out of the tree.
type Links struct {
	Self   string  // absolute path of the tree
	Places []Place // directories and files that links may lead to; of those in each other the inner one counts
}

// A Place is what stands at an absolute path: Name in Root.
type Place struct {
	Path string
	Root *os.Root
	Name string
}

// maxLinks is how many links one path may lead through, as in Linux.
const maxLinks = 40

// errOutside is a link that leads to no place.
var errOutside = errors.New("leads out of the job")

// place finds what stands at the absolute path p.
func (l *Links) place(p string) (root *os.Root, name string, ok bool) {
	best := -1
	for i, x := range l.Places {
		if (p == x.Path || strings.HasPrefix(p, x.Path+"/")) && (best < 0 || len(x.Path) > len(l.Places[best].Path)) {
			best = i
		}
	}
	if best < 0 {
		return nil, "", false
	}
	x := l.Places[best]
	return x.Root, path.Join(x.Name, "./"+p[len(x.Path):]), true
}

// leadsTo reports whether a place lies below p.
func (l *Links) leadsTo(p string) bool {
	return slices.ContainsFunc(l.Places, func(x Place) bool { return p == "/" || strings.HasPrefix(x.Path, p+"/") })
}

// Find is what a path of the tree shows: a name in a root, reached without links. l may be nil: then nothing is found.
func (l *Links) Find(rel string) (root *os.Root, name string, err error) {
	if l == nil {
		return nil, "", errOutside
	}
	return l.resolve(rel)
}

// resolve follows all links on the way to rel in the tree. What it finds is reached without any.
func (l *Links) resolve(rel string) (root *os.Root, name string, err error) {
	todo := elements(path.Join(l.Self, rel))
	at := "/"
	for hops := 0; len(todo) > 0; {
		element := todo[0]
		todo = todo[1:]
		next := path.Join(at, element) // ".." goes up from where the links led
		r, n, ok := l.place(next)
		if !ok {
			if !l.leadsTo(next) {
				return nil, "", errOutside
			}
			at = next
			continue
		}
		info, err := r.Lstat(n)
		switch {
		case err != nil:
			return nil, "", pathless(err)
		case info.Mode()&fs.ModeSymlink != 0:
			if hops++; hops > maxLinks {
				return nil, "", syscall.ELOOP
			}
			target, err := r.Readlink(n)
			if err != nil {
				return nil, "", pathless(err)
			}
			if path.IsAbs(target) {
				at = "/"
			}
			todo = append(elements(target), todo...)
		case len(todo) > 0 && !info.IsDir():
			return nil, "", syscall.ENOTDIR
		default:
			at = next
		}
	}
	root, name, ok := l.place(at)
	if !ok {
		return nil, "", errOutside
	}
	return root, name, nil
}

// elements are those of a path, ".." among them: it is resolved where the walk has come to.
func elements(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(e string) bool { return e == "" || e == "." })
}

// Follow makes the tree follow links as l says, besides those that lead to something in it. It is called before all else.
func (t *Tree) Follow(l *Links) { t.links = l }

// target finds what the path shows, through links.
func (t *Tree) target(p string) (root *os.Root, name string, info fs.FileInfo, err error) {
	if info, err = t.root.Stat(p); err == nil || t.links == nil {
		return t.root, p, info, err
	}
	r, n, lerr := t.links.resolve(p)
	if lerr == nil {
		info, lerr = r.Lstat(n)
	}
	if lerr != nil {
		if errors.Is(lerr, fs.ErrNotExist) || errors.Is(lerr, syscall.ELOOP) {
			err = lerr
		}
		return nil, "", nil, err
	}
	return r, n, info, nil
}
