package chaos

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A row is one fault. Its expected outcome is in code and cause; run makes it happen.
type row struct {
	group string // the chapter of docs/failures.md
	name  string
	code  int
	cause string
	// exits is the process's exit code where that is another than code, which the record and exit_code.txt have. 0: it is code.
	exits int

	quick bool // run by `make test`, too
	own   bool // on an engine of its own, which needs root
	root  bool // needs root for another reason: a file system of a given size
	slow  bool // takes minutes, most of them asleep: begun first

	azure bool // the store is Azurite

	leaves bool // the module's container stays, for the next ferry to remove

	run func(s *scene)
}

// seen is what a row showed, in the words of docs/failures.md. Rows that run with the same fault show the same.
type seen struct {
	mu     sync.Mutex
	code   int
	cause  string
	engine string // what is left there
	disk   string
	store  string
	kept   bool // results that could not be stored are on the node
	failed []string
	took   time.Duration
}

// rowLimit bounds a row; the slowest waits eight times for a store that is silent for a minute.
const rowLimit = 12 * time.Minute

// all are the rows in the order of the document.
func all() []row {
	var rows []row
	for _, some := range [][]row{
		storeRows(), azureRows(), outageRows(), googleRows(), endpointRows(), stopRows(), stopperRows(), killRows(), engineRows(), imageRows(), moduleRows(), endlessRows(), diskRows(), engineDiskRows(), policyRows(), crowdRows(),
		keptRows(), inPlaceRows(), apptainerRows(), relayRows(),
		submitRows(),
	} {
		rows = append(rows, some...)
	}
	return append(rows, podmanRows()...)
}

// outcome is a code and its cause as the document has them.
func outcome(code int, cause string) string {
	switch {
	case cause != "":
		return fmt.Sprintf("%d `%s`", code, cause)
	case code == 0:
		return "0"
	case code == 137:
		return "137 (SIGKILL)"
	}
	return fmt.Sprintf("%d (the module's)", code)
}

// Rows that sleep most of the time run beside others that need the processor. Those on an engine of their own share one,
// and wait for each other.
var (
	asleep = make(chan struct{}, 16)
	awake  = make(chan struct{}, 4)
	alone  = make(chan struct{}, 1)
)

func (r row) lane() chan struct{} {
	switch {
	case r.own:
		return alone
	case r.slow:
		return asleep
	}
	return awake
}

// runRow runs one row as a subtest of t.
func runRow(t *testing.T, r row, keep func(row, *seen)) {
	t.Run(strings.ReplaceAll(r.group+"/"+r.name, " ", "_"), func(t *testing.T) {
		t.Parallel()
		lane := r.lane()
		lane <- struct{}{}
		defer func() { <-lane }()
		got := &seen{}
		begun := time.Now()
		s := newScene(t, r, got)
		defer func() {
			got.took = time.Since(begun)
			keep(r, got)
		}()
		r.run(s)
	})
}
