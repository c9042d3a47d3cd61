package mimetype

import (
	"bufio"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
)

// known are the files that Python reads, in that order. Later ones win.
var known = []string{
	"/etc/mime.types", "/etc/httpd/mime.types", "/etc/httpd/conf/mime.types", "/etc/apache/mime.types", "/etc/apache2/mime.types",
	"/usr/local/etc/httpd/conf/mime.types", "/usr/local/lib/netscape/mime.types", "/usr/local/etc/httpd/conf/mime.types", "/usr/local/etc/mime.types",
}

// suffixes stand for two.
var suffixes = map[string]string{".svgz": ".svg.gz", ".tgz": ".tar.gz", ".taz": ".tar.gz", ".tz": ".tar.gz", ".tbz2": ".tar.bz2", ".txz": ".tar.xz"}

// encodings are passed over: a.html.gz is text/html. Their case counts.
var encodings = map[string]bool{".gz": true, ".Z": true, ".bz2": true, ".xz": true, ".br": true}

// Guess is the type of a file of this name, such as "text/html"; "" where nothing tells. The name may have directories before it. Files
// of the system are read at the first call. It is safe for concurrent use.
func Guess(name string) string { return guess(table(), name) }

func guess(types map[string]string, name string) string {
	base, ext := split(name)
	for two := suffixes[strings.ToLower(ext)]; two != ""; two = suffixes[strings.ToLower(ext)] {
		base, ext = split(base + two)
	}
	if encodings[ext] {
		_, ext = split(base)
	}
	return types[strings.ToLower(ext)]
}

// split cuts off the last suffix. Dots that a name begins with make none.
func split(name string) (base, ext string) {
	slash := strings.LastIndexByte(name, '/') + 1
	dots := len(name[slash:]) - len(strings.TrimLeft(name[slash:], "."))
	if i := strings.LastIndexByte(name, '.'); i > slash+dots-1 {
		return name[:i], name[i:]
	}
	return name, ""
}

// table has the system's types over the built-in ones.
var table = sync.OnceValue(func() map[string]string {
	types := maps.Clone(builtin)
	for _, name := range known {
		f, err := os.Open(name)
		if err != nil {
			continue // most of them are nowhere
		}
		read(types, f)
		f.Close()
	}
	return types
})

// read adds lines such as "text/html html htm". A word that begins with "#" ends its line.
func read(types map[string]string, r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		kind := ""
		for _, word := range strings.Fields(lines.Text()) {
			if word[0] == '#' {
				break
			}
			if kind == "" {
				kind = word
				continue
			}
			types["."+word] = kind
		}
	}
}
