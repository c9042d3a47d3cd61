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
)

// Names of ferry's own files in the metadata dir.
const (
	recordName    = "run.json"
	transferName  = "transfer.log"
	outName       = "dockerout.log"
	errName       = "dockererr.log"
	statsName     = "docker_stats.txt"
	codeName      = "docker_exit_code.txt"
	containerName = "docker_container_used.json"
)

// ownNames are all of them. Those that come down with the metadata dir are an earlier attempt's.
var ownNames = []string{recordName, transferName, outName, errName, statsName, codeName, containerName}

// logs are the files that grow while the job runs.
type logs struct{ transfer, out, err, stats *logFile }

func (l logs) all() []*logFile { return []*logFile{l.transfer, l.out, l.err, l.stats} }

// A logFile is a growing file that never fails its writer: a full disk must not stop the module or the transfer that
// logs. It remembers the first error. Safe for concurrent use.
type logFile struct {
	mu   sync.Mutex
	f    *os.File
	name string // in the attempt's root
	err  error
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.f.Write(p)
	}
	return len(p), nil
}

// failed is the first error.
func (l *logFile) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (a *attempt) openLogs() error {
	for name, at := range map[string]**logFile{
		transferName: &a.logs.transfer, outName: &a.logs.out, errName: &a.logs.err, statsName: &a.logs.stats,
	} {
		in := path.Join(inRoot(a.MetadataDir), name)
		f, err := a.root.OpenFile(in, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("opening a log: %w", err)
		}
		*at = &logFile{f: f, name: in}
	}
	return nil
}

// checkLogs says which logs are not whole.
func (a *attempt) checkLogs() {
	for _, l := range a.logs.all() {
		if err := l.failed(); err != nil {
			a.warn("%s is not whole: %v", path.Base(l.name), err)
		}
	}
}

// restoreLogs puts back the logs that the module removed or replaced in its metadata dir: ferry still holds them open.
func (a *attempt) restoreLogs() {
	for _, l := range a.logs.all() {
		if l == nil {
			continue
		}
		mine, err := l.f.Stat()
		if err != nil {
			continue
		}
		if there, err := a.root.Lstat(l.name); err == nil && os.SameFile(mine, there) {
			continue
		}
		data, err := io.ReadAll(io.NewSectionReader(l.f, 0, mine.Size()))
		if err == nil {
			err = a.writeFile("/"+l.name, data)
		}
		if err != nil {
			a.warn("restoring %s, which the module removed: %v", path.Base(l.name), err)
		}
	}
}

// event writes a line of the transfer log.
func (a *attempt) event(e ferrysync.Event) {
	if e.Op == ferrysync.OpSkip {
		return // the metadata dir is looked at every half minute
	}
	line := fmt.Sprintf("%s %-8s %12d %q", time.Now().UTC().Format(time.RFC3339), e.Op, e.Size, e.Key)
	if e.Err != nil {
		line += " " + e.Err.Error()
	}
	fmt.Fprintln(a.logs.transfer, line)
	switch {
	case errors.Is(e.Err, ferrysync.ErrStopped): // one warning says it for all
	case e.Op == ferrysync.OpFail, e.Op == ferrysync.OpRefuse:
		a.warnOnce(fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err))
	}
}

// maxWarned is how many files are warned of by name; a module can make a hundred thousand that cannot be sent.
const maxWarned = 1000

// warnOnce warns of a file the first time: the metadata dir goes up every half minute.
func (a *attempt) warnOnce(text string) {
	a.warned.Lock()
	n, known := len(a.warned.texts), a.warned.texts[text]
	if !known && n <= maxWarned {
		if a.warned.texts == nil {
			a.warned.texts = map[string]bool{}
		}
		a.warned.texts[text] = true
	}
	a.warned.Unlock()
	switch {
	case known || n > maxWarned:
	case n == maxWarned:
		a.warn("more files could not be moved; transfer.log names them")
	default:
		a.warn("%s", text)
	}
}
