package wrapper

import (
	"io/fs"
	"os"
	"sync"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
)

const (
	// paceRate is how many bytes of one file a second go up while the module runs. A log that grows is sent whole each time, so the
	// time between two sends grows with it: a log of 300 MB goes up every twenty minutes, and at the end.
	paceRate = 256 << 10
	// paceFree is the size of files that go up whenever they have changed.
	paceFree = 512 << 10
)

// A pace holds back large files of the metadata dir while the module runs. At the end everything goes up. It is safe for concurrent
// use.
type pace struct {
	began time.Time
	now   func() time.Time

	mu   sync.Mutex
	look time.Time            // when the directory was last looked at
	last map[string]time.Time // when the look was by which a large file was sent, by its path in the metadata dir
}

func newPace() *pace { return &pace{began: time.Now(), now: time.Now, last: map[string]time.Time{}} }

// hold are filters that leave out the large files whose time has not come. The next snapshot lacks them, so they count as changed until
// they are sent.
func (p *pace) hold(root *os.Root) (held []ferrysync.Filter) {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look = p.now()
	// What cannot be read is named by the transfer itself.
	_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		st, err := d.Info()
		if err != nil || st.Size() <= paceFree {
			return nil
		}
		last, sent := p.last[name]
		if sent && !st.ModTime().After(last) {
			return nil // it has not changed since, so it is not sent
		}
		if !sent {
			last = p.began
		}
		if p.look.Sub(last) < time.Duration(st.Size()/paceRate)*time.Second {
			held = append(held, ferrysync.Filter{Pattern: escapePattern(name)})
		}
		return nil
	})
	return held
}

// sent notes that a file went up.
func (p *pace) sent(name string, size int64) {
	if p == nil || size <= paceFree {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[name] = p.look // what is written while it is on its way is a change
}
