package wrapper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

// logs are the files that grow while the job runs.
type logs struct{ transfer, out, err, stats *logFile }

// openLogs makes the log files. Where only is 0, those that are there already grow on.
func openLogs(s *site, only int) (*logs, error) {
	l := &logs{}
	for _, at := range []struct {
		name string
		file **logFile
	}{{record.TransferName, &l.transfer}, {record.OutName, &l.out}, {record.ErrName, &l.err}, {record.StatsName, &l.stats}} {
		p := s.own(at.name)
		root, in := s.at(p)
		f, err := root.OpenFile(in, os.O_CREATE|only|os.O_RDWR|os.O_APPEND, 0o644)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("opening a log: %w", err)
		}
		*at.file = &logFile{f: f, name: p}
	}
	return l, nil
}

func (l *logs) all() []*logFile { return []*logFile{l.transfer, l.out, l.err, l.stats} }

func (l *logs) close() {
	for _, f := range l.all() {
		if f != nil {
			_ = f.f.Close() // what could not be written is known already, see check
		}
	}
}

// check warns of each log that is not whole.
func (l *logs) check(warn func(string, ...any)) {
	for _, f := range l.all() {
		if err := f.failed(); err != nil {
			warn("%s is not whole: %v", path.Base(f.name), err)
		}
	}
}

// restore puts back the logs of a job in place that the module removed or replaced. Ferry still holds the files open, and can read
// them.
func (l *logs) restore(s *site) {
	for _, f := range l.all() {
		mine, err := f.f.Stat()
		if err != nil {
			continue
		}
		root, in := s.at(f.name)
		if there, err := root.Lstat(in); err == nil && os.SameFile(mine, there) && mine.Size() <= f.size() {
			continue
		}
		if err := writeFrom(s, f.name, f.content(mine.Size())); err != nil {
			s.tell.warn("restoring %s, which the module removed or changed: %v", path.Base(f.name), err)
		}
	}
}

// event writes a line of the transfer log.
func (s *site) event(e ferrysync.Event) {
	if e.Op == ferrysync.OpSkip {
		return // the metadata dir is looked at every half minute
	}
	line := fmt.Sprintf("%s %-8s %12d %q", time.Now().UTC().Format(time.RFC3339), e.Op, e.Size, e.Key)
	if e.Err != nil {
		line += " " + e.Err.Error()
	}
	fmt.Fprintln(s.logs.transfer, line)
	switch {
	case errors.Is(e.Err, ferrysync.ErrStopped): // one warning says it for all
	case e.Op == ferrysync.OpFail, e.Op == ferrysync.OpRefuse:
		s.tell.warnOfFile(fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err))
	}
}

// A logFile is a growing file whose Write never fails. A full disk must not stop the module, or the transfer that logs. It
// keeps the first error, and is safe for concurrent use.
type logFile struct {
	mu      sync.Mutex
	f       *os.File
	name    string // in the job
	written int64  // by ferry
	err     error
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		var n int
		n, l.err = l.f.Write(p)
		l.written += int64(n)
	}
	return len(p), nil
}

// size is how many bytes ferry wrote.
func (l *logFile) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// content is what ferry wrote, for a log of the given size that is to be restored. A module may have made the file larger, by bytes
// or by a hole of any size: then holes and NULs are left out, and it ends after as many bytes as ferry wrote.
func (l *logFile) content(size int64) io.Reader {
	l.mu.Lock()
	written := l.written
	l.mu.Unlock()
	if size <= written {
		return io.NewSectionReader(l.f, 0, size)
	}
	return io.LimitReader(&withoutNULs{extents{f: l.f, size: size}}, written)
}

// failed is the first error of a write, nil where there was none.
func (l *logFile) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
