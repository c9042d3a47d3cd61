package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
)

func diskRows() []row {
	const group = "The disk is full"
	return []row{
		{group: group, name: "the inputs are larger than the space there is", code: 74, cause: "disk", root: true, run: func(s *scene) {
			s.small(8 << 20)
			s.put(input+"/huge.bin", strings.Repeat("x", 12<<20))
			s.expect()
			s.runJob()
		}},
		{group: group, name: "another fills it during stage-in", code: 74, cause: "disk", root: true, run: func(s *scene) {
			s.small(8 << 20)
			s.file("huge.bin", strings.Repeat("x", 5<<20))
			go1 := make(chan struct{})
			s.proxy.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool {
				if r.Key == "root"+input+"/huge.bin" {
					select {
					case <-go1:
					default:
						close(go1)
					}
				}
				return false
			}})
			// All that is free but for what the metadata dir takes goes before the file comes.
			s.proxy.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool { return r.Key == "root"+input+"/huge.bin" },
				Fault: testenv.Fault{Delay: 2e9}})
			f := s.start()
			select {
			case <-go1:
			case <-f.done:
			}
			s.fill(0)
			s.expect()
			f.end()
			s.unfill()
			s.check(f)
		}},
		{group: group, name: "there is none from the beginning", code: 74, cause: "disk", root: true, run: func(s *scene) {
			s.small(4 << 20)
			s.fill(100 << 10)
			s.expect()
			f := s.start()
			f.end()
			s.unfill()
			s.check(f)
		}},
		{group: group, name: "the module fills it and fails", code: 1, cause: "disk", root: true, run: func(s *scene) {
			s.small(8 << 20)
			s.exec("cp /in/* .", "echo done > result.txt", "cat /dev/zero > filler.bin", "exit 1")
			s.runJob()
		}},
		{group: group, name: "the module fills it and succeeds: no space at stage-out", root: true, run: func(s *scene) {
			s.small(8 << 20)
			s.exec("cp /in/* .", "echo done > result.txt", "cat /dev/zero > filler.bin", "exit 0")
			s.runJob()
		}},
	}
}

// small puts a file system of so many bytes below the local prefix.
func (s *scene) small(size int) {
	s.t.Helper()
	if err := syscall.Mount("tmpfs", s.prefix, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", size)); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := syscall.Unmount(s.prefix, syscall.MNT_DETACH); err != nil {
			s.t.Error(err)
		}
	})
}

// fill takes all the space below the local prefix but the bytes to leave; unfill gives it back.
func (s *scene) fill(leave int64) {
	s.t.Helper()
	if err := fill(s.prefix, leave); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) unfill() {
	s.t.Helper()
	if err := unfill(s.prefix); err != nil {
		s.t.Fatal(err)
	}
}

// filler is the file that takes a disk's space.
const filler = "other"

// fill takes all the space of a directory's file system but the bytes to leave.
func fill(dir string, leave int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, filler))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 64<<10)
	for left := int64(st.Bfree)*st.Bsize - leave; left > 0; left -= int64(len(block)) {
		if left < int64(len(block)) {
			block = block[:left]
		}
		if _, err := f.Write(block); err != nil {
			return nil // it is full
		}
	}
	return nil
}

func unfill(dir string) error { return os.Remove(filepath.Join(dir, filler)) }
