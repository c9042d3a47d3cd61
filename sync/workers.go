package sync

import (
	"sync"
)

// workers run jobs, as many at once as the engine's limiter lets. They live as long as their transfer, and there are no
// more of them than were wanted at once.
type workers[J any] struct {
	t    *transfer
	run  func(J)
	jobs chan J
	wg   sync.WaitGroup
	n    int
}

// queue is how many jobs may wait. It keeps the workers busy over a slow page of a listing.
const queue = 1000

func startWorkers[J any](t *transfer, run func(J)) *workers[J] {
	return &workers[J]{t: t, run: run, jobs: make(chan J, queue)}
}

// add queues a job, unless the transfer is stopped; one goroutine calls it.
func (w *workers[J]) add(j J) {
	if w.n < w.t.e.lim.most {
		w.n++
		w.wg.Go(w.work)
	}
	select {
	case w.jobs <- j:
	case <-w.t.ctx.Done():
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
			continue // stopped; the rest of the queue is dropped
		}
		w.t.guard(func() { w.run(j) })
		if n := w.t.count.Throttled.Load(); n > w.t.throttled.Swap(n) {
			lim.slower()
		}
		lim.release(1)
	}
}
