package bounded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrTooLarge is the error of what is larger than its bound.
var ErrTooLarge = errors.New("larger than it can be")

// Small bounds files that people and programs write by hand: keys, configurations, ids.
const Small = 1 << 20

// All reads r to its end, at most so many bytes. ErrTooLarge.
func All(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLarge, most)
	}
	return data, err
}

// File reads a file, at most so many bytes. ErrTooLarge, and the errors of os.Open.
func File(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := All(f, most)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return data, nil
}

// Head reads the first bytes of a file, at most so many. It is for callers with a message of their own for what is too large.
func Head(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// Tail reads the last bytes of a file, at most so many. Where there are more, it begins with a whole line.
func Tail(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, st.Size()-most)
	data, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if from > 0 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return data, err
}
