package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// A fault of the network or the store, and what it does to a job.
type storeFault struct {
	name  string
	fault testenv.Fault
	kind  string // the requests it can happen to; "" for all
	part  string // the cause where it is now and then during stage in; "" where ferry gets over it
}

// storeFaults are the faults of the matrix. A 403 is an answer, not an accident: it is not tried again.
var storeFaults = []storeFault{
	{name: "503 SlowDown", fault: testenv.Fault{Status: 503}},
	{name: "500 InternalError", fault: testenv.Fault{Status: 500}},
	{name: "403 AccessDenied", fault: testenv.Fault{Status: 403}, part: "stage-in"},
	{name: "connection reset", fault: testenv.Fault{Reset: true}},
	{name: "answer lost", fault: testenv.Fault{LoseAnswer: true}},
	{name: "response cut short", fault: testenv.Fault{Cut: 100}, kind: "GetObject"},
	{name: "flipped byte in a download", fault: testenv.Fault{Flip: 3}, kind: "GetObject"},
	{name: "flipped byte in an upload", fault: testenv.Fault{FlipUpload: 3}, kind: "PutObject"},
	{name: "60 s stall", fault: testenv.Fault{Delay: time.Minute}},
}

const storeFilesLow = 110 // with the results, enough requests for one in a hundred to fail some times

func storeRows() (rows []row) {
	for _, f := range storeFaults {
		for _, every := range []int{100, 20, 5} {
			r := row{group: "The store fails now and then", name: fmt.Sprintf("%s, %d %% of requests", f.name, 100/every),
				quick: f.fault.Status == 503 && every == 20 || f.fault.Flip > 0 && every == 20,
				slow:  f.fault.Delay > 0,
				run: func(s *scene) {
					s.inputs(storeFilesLow)
					s.proxy.Add(testenv.Rule{Kind: f.kind, Every: every, Fault: f.fault})
					s.runJob()
				}}
			if f.part != "" {
				r.cause, r.code = f.part, 65
				r.run = func(s *scene) {
					s.inputs(storeFilesLow)
					s.proxy.Add(testenv.Rule{Kind: "GetObject", Every: every, Fault: f.fault})
					s.expect()
					s.runJob()
				}
			}
			rows = append(rows, r)
		}
		rows = append(rows, fromThenOn(f)...)
	}
	return append(rows, row{group: "The store fails for good", name: "an archived object among the inputs", quick: true, code: 65, cause: "stage-in",
		run: func(s *scene) {
			s.proxy.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool { return strings.HasSuffix(r.Key, "/big.bin") }, Fault: testenv.Fault{Status: 403, Code: "InvalidObjectState"}})
			s.expect()
			s.runJob()
		}})
}

// fromThenOn are the rows of a fault that happens to every request from a moment on.
func fromThenOn(f storeFault) (rows []row) {
	// A stall ends, and what was cut is continued where it ended.
	passes := f.fault.Delay > 0 || f.fault.Cut > 0
	slow := f.fault.Status != 403
	var flags []string
	if f.fault.Reset || f.fault.LoseAnswer { // nobody is answered any more: that is waited for
		flags = []string{"--store-wait", "20s"}
	}
	if f.kind != "PutObject" {
		r := row{group: "The store fails for good", name: f.name + ", all requests from the middle of stage-in on", code: 65, cause: "stage-in", slow: slow,
			run: func(s *scene) {
				late := after(s, "GetObject", 4, f.kind)
				s.proxy.Add(testenv.Rule{Fault: f.fault, Match: func(r testenv.Request) bool {
					// A large file would take a request for every few bytes.
					return late(r) && (f.fault.Cut == 0 || !strings.HasSuffix(r.Key, "/big.bin"))
				}})
				if !passes {
					s.expect()
				}
				s.runJob(flags...)
			}}
		if passes {
			r.code, r.cause = 0, ""
		}
		rows = append(rows, r)
	}
	if f.kind != "GetObject" {
		r := row{group: "The store fails for good", name: f.name + ", all requests from the middle of stage-out on", code: 73, cause: "stage-out", slow: slow,
			quick: f.fault.Status == 403,
			run: func(s *scene) {
				s.proxy.Add(testenv.Rule{Match: after(s, "PutObject", 5, f.kind), Fault: f.fault})
				s.runJob(flags...)
			}}
		if passes {
			r.code, r.cause = 0, ""
		}
		rows = append(rows, r)
	}
	return rows
}

// after matches all requests that come once n of a kind came; of those only the ones of kind only, "" for all.
func after(s *scene, kind string, n int, only string) func(testenv.Request) bool {
	seen, begun := 0, false // under the proxy's lock
	return func(r testenv.Request) bool {
		if !begun && r.Kind == kind {
			if seen++; seen > n {
				begun = true
			}
		}
		return begun && (only == "" || r.Kind == only)
	}
}
