package sync

import (
	"errors"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// partsPossible is the least size of a file that may have been sent in parts, in bytes.
const partsPossible = 5 << 20

// sweepAge is how long nothing must have happened to an upload in parts that is taken for one that nobody will end: a transfer that waits
// for a store waits for minutes.
var sweepAge = time.Hour

// sweep abandons what a killed transfer of these files left open in the store: uploads in parts of keys that the tree has. The parts would
// cost their owner money for ever. A store that does not let ferry look is left as it is.
func (u *uploads) sweep() {
	t := u.t
	st, ok := t.st.(store.Sweeper)
	if _, itself := t.st.(store.SelfSweeper); itself || !ok || !u.large || t.o.DryRun || t.ctx.Err() != nil {
		return
	}
	for up, err := range st.Unfinished(t.ctx, u.prefix) {
		if err != nil {
			return
		}
		path := strings.TrimPrefix(up.Key, u.prefix)
		if time.Since(up.Last) < sweepAge || tree.CheckPath(path) != nil {
			continue
		}
		if info, err := t.tree.Root().Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := st.Abandon(t.ctx, up); err != nil && !errors.Is(err, store.ErrNotExist) {
			return
		}
	}
}
