package sync

import (
	"sync"
)

// workers run jobs, as many at once as the engine's limiter lets. They live as long as their transfer, and there are no
// more of them than were wanted at once.
type workers[J any] struct {
	t    *transfer
	run  func(J)
	drop func(J) // called instead of run once the transfer is stopped
	jobs chan J
	wg   sync.WaitGroup
	n    int
}

// queue is how many jobs may wait. It keeps the workers busy over a slow page of a listing.
const queue = 1000

func startWorkers[J any](t *transfer, run, drop func(J)) *workers[J] {
	return &workers[J]{t: t, run: run, drop: drop, jobs: make(chan J, queue)}
}

// add queues a job; one goroutine calls it.
func (w *workers[J]) add(j J) {
	if w.n < w.t.e.lim.limit() {
		w.n++
		w.wg.Go(w.work)
	}
	select {
	case w.jobs <- j:
	case <-w.t.ctx.Done():
		w.drop(j)
	}
}

// wait returns once all jobs are done.
func (w *workers[J]) wait() {
	close(w.jobs)
	w.wg.Wait()
}

func (w *workers[J]) work() {
	lim := w.t.e.lim
	for j := range w.jobs {
		if lim.acquire(w.t.ctx) != nil {
			w.t.guard(func() { w.drop(j) })
			continue
		}
		w.t.guard(func() { w.run(j) })
		if n := w.t.count.Throttled.Load(); n > w.t.throttled.Swap(n) {
			lim.slower()
		}
		lim.release(1)
	}
}
