package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// engineDisk is the size of the disk of an engine that is to fill it, in bytes: its images take a third of it.
const engineDisk = 160 << 20

// engineDiskRows are those of an engine whose own disk is full, while the job's is not.
func engineDiskRows() []row {
	const group = "The engine's own disk is full"
	return []row{
		{group: group, name: "and the image is not there yet", code: 74, cause: "disk", own: true, run: func(s *scene) {
			r, ref := s.registryImage()
			e := s.onSmall(engineDisk)
			e.reach(s.t, "http://"+r.Host)
			e.fill(s.t, blobSize/2)
			s.expect()
			f := s.start("--image", ref)
			f.end()
			e.unfill(s.t)
			s.check(f)
		}},
		{group: group, name: "and the container cannot be made", code: 74, cause: "disk", own: true, run: func(s *scene) {
			e := s.onSmall(engineDisk)
			e.fill(s.t, 0)
			s.expect()
			f := s.start()
			f.end()
			e.unfill(s.t)
			s.check(f)
		}},
	}
}

// onSmall gives the scene to an engine whose disk has so many bytes, and which ends with the row.
func (s *scene) onSmall(size int) *ownEngine {
	s.t.Helper()
	e := &ownEngine{disk: size}
	s.t.Cleanup(func() { e.close(s.t) })
	e.start(s.t)
	s.host, s.onHost = e.host, true
	return e
}

// mount makes the engine's disk, where it has one of its own.
func (e *ownEngine) mount() error {
	if e.disk == 0 {
		return nil
	}
	data := filepath.Join(e.dir, "data")
	return errors.Join(os.Mkdir(data, 0o700), syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", e.disk)))
}

// fill takes all the space of the engine's disk but the bytes to leave; unfill gives it back.
func (e *ownEngine) fill(t *testing.T, leave int64) {
	t.Helper()
	if err := fill(filepath.Join(e.dir, "data"), leave); err != nil {
		t.Fatal(err)
	}
}

func (e *ownEngine) unfill(t *testing.T) {
	t.Helper()
	if err := unfill(filepath.Join(e.dir, "data")); err != nil {
		t.Fatal(err)
	}
}
