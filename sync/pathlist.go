package sync

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"iter"
	"os"
)

// spillAt is how many bytes of paths are held in memory. What is beyond goes to a file, where one can be made.
const spillAt = 1 << 20

// A pathList holds paths that come in order, such as those to delete at the end. Each is kept as what it does not share with the one
// before it, so memory is bounded whatever their number.
type pathList struct {
	n     int64
	last  string
	buf   []byte   // paths that are not in the file
	file  *os.File // without a name; nil for none
	stuck bool     // no file could be made, or written
}

// add adds a path.
func (l *pathList) add(path string) {
	shared := 0
	for shared < len(path) && shared < len(l.last) && path[shared] == l.last[shared] {
		shared++
	}
	l.buf = binary.AppendUvarint(l.buf, uint64(shared))
	l.buf = binary.AppendUvarint(l.buf, uint64(len(path)-shared))
	l.buf = append(l.buf, path[shared:]...)
	l.last = path
	l.n++
	if len(l.buf) > spillAt && !l.stuck {
		l.spill()
	}
}

// spill moves the buffer to the file.
func (l *pathList) spill() {
	if l.file == nil {
		f, err := os.CreateTemp("", "ferry-paths-")
		if err != nil {
			l.stuck = true
			return
		}
		_ = os.Remove(f.Name()) // a file that stays is an empty name
		l.file = f
	}
	at, err := l.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = l.file.Write(l.buf)
	}
	if err != nil {
		l.stuck = true
		_ = l.file.Truncate(at) // what follows is read from the buffer
		return
	}
	l.buf = l.buf[:0]
}

// all yields the paths, once. An error ends them.
func (l *pathList) all() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		r := bufio.NewReader(bytes.NewReader(l.buf))
		if l.file != nil {
			if _, err := l.file.Seek(0, io.SeekStart); err != nil {
				yield("", err)
				return
			}
			r = bufio.NewReaderSize(io.MultiReader(l.file, bytes.NewReader(l.buf)), 64<<10)
		}
		var path []byte
		for range l.n {
			shared, err := binary.ReadUvarint(r)
			if err == nil {
				var n uint64
				n, err = binary.ReadUvarint(r)
				path = append(path[:shared], make([]byte, n)...)
				if err == nil {
					_, err = io.ReadFull(r, path[shared:])
				}
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(string(path), nil) {
				return
			}
		}
	}
}

// chunks yields the paths, so many at once.
func (l *pathList) chunks(most int) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		var some []string
		for p, err := range l.all() {
			if err != nil {
				yield(nil, err)
				return
			}
			if some = append(some, p); len(some) == most {
				if !yield(some, nil) {
					return
				}
				some = nil
			}
		}
		if len(some) > 0 {
			yield(some, nil)
		}
	}
}

func (l *pathList) close() {
	if l.file != nil {
		_ = l.file.Close() // it has no name, and was read
	}
}
