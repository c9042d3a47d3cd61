package sync

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/docker/go-units"
)

// Space is the room that downloads may fill, in bytes. Several transfers can share one; nil is room without end. What a
// listing shows to be too large is refused before it is downloaded.
type Space struct {
	free int64
	left atomic.Int64
}

// NewSpace is room of so many bytes.
func NewSpace(free int64) *Space {
	s := &Space{free: free}
	s.left.Store(free)
	return s
}

// blockSize is what file systems round a file's size up to; 4 KiB is that of ext4, xfs and tmpfs.
const blockSize = 4 << 10

// take claims room for a file. The error wraps syscall.ENOSPC.
func (s *Space) take(size int64) error {
	if s == nil {
		return nil
	}
	if s.left.Add(-(size+blockSize-1)/blockSize*blockSize) < 0 {
		return fmt.Errorf("more than the %s that are free would be fetched: %w", units.BytesSize(float64(s.free)), syscall.ENOSPC)
	}
	return nil
}

// Take claims room for what is not a transfer of this package. The error wraps syscall.ENOSPC, and nothing is claimed then.
func (s *Space) Take(size int64) error {
	err := s.take(size)
	if err != nil {
		s.Give(size)
	}
	return err
}

// Give gives room of the same size back.
func (s *Space) Give(size int64) {
	if s != nil {
		s.left.Add((size + blockSize - 1) / blockSize * blockSize)
	}
}
