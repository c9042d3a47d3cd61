package wrapper

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/wrapper/record"
)

// A teller says what happens in the record and in the log. All stages share one. It is safe for concurrent use.
type teller struct {
	rec *record.Keeper
	log zerolog.Logger

	mu    sync.Mutex
	named map[string]bool // texts about files that were warned of
}

func newTeller(rec *record.Keeper, log zerolog.Logger) *teller {
	return &teller{rec: rec, log: log, named: map[string]bool{}}
}

// stage runs one stage and keeps its start, end and outcome in the record.
func (t *teller) stage(name string, f func() error) error {
	s := t.rec.Begin(name)
	t.save()
	t.log.Debug().Str("stage", name).Msg("begins")
	err := t.guard(f)
	took := t.rec.Finish(s, err)
	t.log.Info().Str("stage", name).Stringer("took", took.Round(time.Millisecond)).AnErr("error", err).Msg("ended")
	t.save()
	return err
}

// save brings run.json on the node up to date. Where it cannot be written, the record is later sent from memory.
func (t *teller) save() { _ = t.rec.Save() }

// guard turns a panic into an error, so that a bug in one stage costs no results.
func (t *teller) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = t.bug(p)
		}
	}()
	return f()
}

// bug makes an error of a panic. It is called where the panic was recovered, for the stack.
func (t *teller) bug(p any) error {
	t.log.Error().Str("stack", string(debug.Stack())).Msgf("panic: %v", p)
	return cause.Fail(cause.Internal, "please report this", "panic: %v", p)
}

// warn warns in the record and in the log, once for each text.
func (t *teller) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if t.rec.Warn(text) {
		t.log.Warn().Msg(text)
	}
}

// maxWarned is how many files are warned of by name. A module can make a hundred thousand files that cannot be sent.
const maxWarned = 1000

// warnOfFile warns of a file, once for each text: the metadata dir is staged out every half minute.
func (t *teller) warnOfFile(text string) {
	t.mu.Lock()
	n, known := len(t.named), t.named[text]
	if !known && n <= maxWarned {
		t.named[text] = true
	}
	t.mu.Unlock()
	switch {
	case known || n > maxWarned:
	case n == maxWarned:
		t.warn("more files could not be moved; transfer.log names them")
	default:
		t.warn("%s", text)
	}
}
