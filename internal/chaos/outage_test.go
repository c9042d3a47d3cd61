package chaos

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// outageRows are those of a server that goes away, and of connections that break while it answers others.
func outageRows() []row {
	const group = "The store's server goes away"
	away := func(kind string, n int) func(*scene) {
		return func(s *scene) {
			s.inputs(storeFilesLow)
			back := make(chan struct{})
			gone := s.onRequest(kind, n, func() {
				defer close(back)
				s.proxy.Away()
				time.Sleep(8 * time.Second)
				s.proxy.Back(s.t)
			})
			s.runJob()
			if !gone.Load() {
				s.bad("the server never went away")
				return
			}
			<-back
		}
	}
	breaks := func(kind, path string) func(*scene) {
		return func(s *scene) {
			s.inputs(storeFilesLow)
			s.proxy.Add(testenv.Rule{Kind: kind, Fault: testenv.Fault{Reset: true},
				Match: func(r testenv.Request) bool { return strings.HasSuffix(r.Key, path) }})
			if s.row.code == 65 {
				s.expect()
			}
			rec := s.runJob()
			if named := rec.NotStored; s.row.code == 73 && (len(named) != 1 || !strings.HasSuffix(named[0], path)) {
				s.bad("not stored: %q, want that one file", named)
			}
		}
	}
	return []row{
		{group: group, name: "for 8 s in the middle of stage-in", slow: true, run: away("GetObject", 40)},
		{group: group, name: "for 8 s in the middle of stage-out", slow: true, run: away("PutObject", 40)},
		{group: group, name: "each connection closed after its 7th answer", quick: true, run: func(s *scene) {
			s.inputs(storeFilesLow)
			s.proxy.HangUp(7)
			s.runJob()
		}},
		{group: group, name: "one input whose connection always breaks", code: 65, cause: "stage-in", slow: true, run: breaks("GetObject", input+"/f003.txt")},
		{group: group, name: "one result whose connection always breaks", code: 73, cause: "stage-out", slow: true, run: breaks("PutObject", workdir+"/f003.txt")},
	}
}

// onRequest calls do beside the n-th request of a kind, and says whether that one came.
func (s *scene) onRequest(kind string, n int, do func()) *atomic.Bool {
	came, seen := new(atomic.Bool), 0 // seen is under the proxy's lock
	s.proxy.Add(testenv.Rule{Kind: kind, Match: func(testenv.Request) bool {
		if seen++; seen == n {
			came.Store(true)
			go do()
		}
		return false
	}})
	return came
}
