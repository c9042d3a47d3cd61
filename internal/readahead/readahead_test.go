package readahead

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func TestReader(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, bufferSize - 1, bufferSize, bufferSize + 1, buffers*bufferSize + 1, 3_000_001} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		write := func(w io.Writer) error {
			for b := want; len(b) > 0; {
				n := min(len(b), 1+r.IntN(2*bufferSize))
				if m, err := w.Write(b[:n]); m != n || err != nil {
					t.Errorf("Write gave %d, %v; want %d", m, err, n)
				}
				b = b[n:]
			}
			return nil
		}
		p := Reader(write)
		if err := iotest.TestReader(p, want); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		p.Close()
	}
}

func TestErrorComesLast(t *testing.T) {
	broken := errors.New("broken")
	p := Reader(func(w io.Writer) error {
		_, err := w.Write(bytes.Repeat([]byte("x"), bufferSize+1))
		return errors.Join(err, broken)
	})
	defer p.Close()
	got, err := io.ReadAll(p)
	if !errors.Is(err, broken) || len(got) != bufferSize+1 {
		t.Errorf("ReadAll gave %d bytes, %v; want %d, %v", len(got), err, bufferSize+1, broken)
	}
}

// A writer is ahead by no more than the buffers, and ends when the reader is closed.
func TestClose(t *testing.T) {
	var written atomic.Int64
	ended := make(chan error, 1)
	p := Reader(func(w io.Writer) error {
		chunk := make([]byte, bufferSize)
		for {
			if _, err := w.Write(chunk); err != nil {
				ended <- err
				return err
			}
			written.Add(1)
		}
	})
	if _, err := io.ReadFull(p, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the writer's error is %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the writer goes on after Close")
	}
	if n := written.Load(); n > 2*buffers {
		t.Errorf("%d buffers were written of which one was read", n)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Read after Close gave %v", err)
	}
}
