package tree

import (
	"bytes"
	"slices"
	"sort"
)

// A nameKind is what a name in a directory stands for.
type nameKind byte

const (
	kindFile nameKind = iota
	kindDir
	kindLink    // to a file, or to what is to be refused
	kindDirLink // to a directory in the tree
	kindOther
)

// A nameList is the names of one directory. A directory may hold a million, so they lie in one block of bytes, each
// followed by its kind, instead of in a string and an interface each.
type nameList struct {
	bytes []byte
	ends  []uint32 // 4 GiB of names in one directory is beyond any file system in use
}

func (l *nameList) add(name string, kind nameKind) {
	l.bytes = append(l.bytes, name...)
	if kind == kindDir || kind == kindDirLink {
		l.bytes = append(l.bytes, '/') // sorts as the keys below it do
	}
	l.bytes = append(l.bytes, byte(kind))
	l.ends = append(l.ends, uint32(len(l.bytes)))
}

func (l *nameList) len() int { return len(l.ends) }

// size is about how many bytes the list takes.
func (l *nameList) size() int { return len(l.bytes) + 4*len(l.ends) }

// cut drops what does not fit into limit from the end of a sorted list. One name always stays.
func (l *nameList) cut(limit int) {
	n := sort.Search(len(l.ends), func(i int) bool { return int(l.ends[i])+4*(i+1) > limit })
	n = max(min(n, len(l.ends)), 1)
	l.ends = l.ends[:n]
	l.bytes = l.bytes[:l.ends[n-1]]
}

// key is what the i-th name is sorted by.
func (l *nameList) key(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.bytes[from : l.ends[i]-1]
}

// keyOf is the key of a name.
func keyOf(name string, kind nameKind) string {
	if kind == kindDir || kind == kindDirLink {
		return name + "/"
	}
	return name
}

// sort puts the names in the order of keys.
func (l *nameList) sort() {
	type span struct{ from, to uint32 }
	spans := make([]span, len(l.ends))
	from := uint32(0)
	for i, to := range l.ends {
		spans[i] = span{from, to}
		from = to
	}
	slices.SortFunc(spans, func(a, b span) int {
		return bytes.Compare(l.bytes[a.from:a.to-1], l.bytes[b.from:b.to-1])
	})
	sorted := make([]byte, 0, len(l.bytes))
	for i, s := range spans {
		sorted = append(sorted, l.bytes[s.from:s.to]...)
		l.ends[i] = uint32(len(sorted))
	}
	l.bytes = sorted
}

// at is the name number i, and its kind.
func (l *nameList) at(i int) (string, nameKind) {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	b := l.bytes[from:l.ends[i]]
	kind := nameKind(b[len(b)-1])
	b = b[:len(b)-1]
	if kind == kindDir || kind == kindDirLink {
		b = b[:len(b)-1]
	}
	return string(b), kind
}
