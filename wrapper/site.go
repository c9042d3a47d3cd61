package wrapper

import (
	"bytes"
	"io"
	"os"
	"path"
	"strconv"
	"syscall"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// A site is what an attempt has on this node: its directory tree, its lock and its logs. prepare makes it, and remove removes it.
type site struct {
	job        job.Job
	tell       *teller
	paths      rootPaths
	enforces   engine.Enforces // the limits that the engine enforces
	platform   string          // what the engine's programs are made for, "" where it does not tell
	lock       *node.Lock
	id         string   // random: what belongs to this attempt carries it
	root       *os.Root // of the attempt: the job's path /a/b is a/b in it
	inPlace    *inPlace // nil unless the job runs in place
	logs       *logs
	created    bool    // the engine was asked for a container
	madePrefix bool    // the local prefix was not there before
	volume     *volume // of a job in three containers, else nil
}

// ownDir is a folder of the attempt's root that no module sees. A file of ferry's is written there, then renamed into the
// metadata dir.
const ownDir = ".ferry"

// open opens a directory of the job in the attempt's root.
func (s *site) open(p string) (*os.Root, error) { return s.root.OpenRoot(inRoot(p)) }

// metadata is the job's path of a file in the metadata dir.
func (s *site) metadata(name string) string { return path.Join(s.job.Dirs.Metadata, name) }

// ownMetadata has ferry's own files of the metadata dir, but for the record. The module can neither read nor write them there, so
// what goes to the store is what ferry wrote. In place they are in the metadata dir itself, which is where people look for them.
const ownMetadata = ownDir + "/metadata"

// own is the path of one of ferry's own files of the metadata dir.
func (s *site) own(name string) string {
	if s.inPlace != nil && s.volume == nil {
		return s.metadata(name)
	}
	return path.Join("/", ownMetadata, name)
}

// write writes a file of ferry's own at the job's path p. It replaces what the module put there, atomically.
func (s *site) write(p string, data []byte) error { return writeFrom(s, p, bytes.NewReader(data)) }

// writeFrom is write of what from has, whatever its size.
func writeFrom(s *site, p string, from io.Reader) error {
	root, name := s.at(p)
	tmp := path.Join(ownDir, path.Base(p))
	if s.inPlace != nil { // beside the file, which may be on another file system than the attempt's root
		tmp = path.Join(path.Dir(name), ".ferry-part-"+path.Base(p))
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if s.inPlace != nil {
		_ = root.RemoveAll(tmp) // a link that the module put there
	}
	err := fill(root, tmp, from)
	if err == nil {
		if st, e := root.Lstat(name); e == nil && st.IsDir() {
			err = rmtree.Below(root, name)
		}
	}
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		_ = root.Remove(tmp)
	}
	return err
}

// fill makes a file.
func fill(root *os.Root, name string, from io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// note writes a small file of the outcome. A failure is a warning only, because the record has the outcome too.
func (s *site) note(p string, data []byte) {
	if err := s.write(p, data); err != nil {
		s.tell.warn("writing %s: %v", p, err)
	}
}

// addReason appends why the job ended to the module's stderr.txt, the one file that every user of a server looks into.
func (s *site) addReason(out Outcome) {
	line := record.ReasonLine(out.Cause, out.Err)
	root, name := s.at(s.job.Files.Stderr)
	if st, err := root.Lstat(name); err != nil || !st.Mode().IsRegular() {
		s.note(s.job.Files.Stderr, line)
		return
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0) // a module that still runs may lay a pipe there
	if err == nil {
		_, err = f.Write(line)
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		s.tell.warn("writing %s: %v", s.job.Files.Stderr, err)
	}
}

// exitCode is the code in the exit code file. The file is of this run, because an earlier attempt's was not staged in. It may
// hold several JSON objects, one appended after the other; the last counts.
func (s *site) exitCode() (code int, ok bool) { return record.ParseExitCode(exitFile(s)) }

// exitFile is what the exit code file has, nil where it cannot be read. What was opened is judged, not its name: a module that still
// runs may lay a pipe there.
func exitFile(s *site) []byte {
	root, name := s.at(s.job.Files.ExitCode)
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, exitFileMax))
	if err != nil {
		return nil
	}
	return data
}

// hasExitFile reports whether the exit code file is there, and is a file and no link.
func (s *site) hasExitFile() bool {
	root, name := s.at(s.job.Files.ExitCode)
	st, err := root.Lstat(name)
	return err == nil && st.Mode().IsRegular()
}

// The ballast is a folder that holds some space, in bytes and in files. It is removed when the module has ended, so that a module that
// filled the disk leaves enough space for the logs and the record.
const (
	ballastDir   = ownDir + "/ballast"
	ballastSize  = 1 << 20 // bytes: the record and the logs of a job are a few thousand
	ballastFiles = 32
)

func (s *site) makeBallast() error {
	err := s.root.Mkdir(ballastDir, 0o700)
	for i := 0; i < ballastFiles && err == nil; i++ {
		err = s.root.WriteFile(path.Join(ballastDir, strconv.Itoa(i)), make([]byte, ballastSize/ballastFiles), 0o600)
	}
	return err
}

func (s *site) dropBallast() { _ = rmtree.Below(s.root, ballastDir) }

// full reports whether the module had no space left.
func (s *site) full(moduleIsRoot bool) bool {
	// Some file systems keep a few blocks for themselves, which no module can use.
	dir := s.paths.dir
	if s.inPlace != nil {
		dir = s.inPlace.spots[len(s.inPlace.spots)-1].root.Name()
	}
	return node.Full(dir, ballastSize/4, moduleIsRoot && os.Geteuid() == 0)
}
