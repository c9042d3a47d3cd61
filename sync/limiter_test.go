package sync

import (
	"context"
	"errors"
	"testing"
	"time"
)

// step makes the limiter see a window in which so many bytes a second moved, with all slots in use.
func (l *limiter) step(rate float64) {
	l.full = true
	l.begun = l.begun.Add(-time.Second)
	l.moved = int64(rate * time.Since(l.begun).Seconds())
	l.evaluate(time.Now())
}

func TestLimiterClimbsWhileItPays(t *testing.T) {
	l := newLimiter(0)
	l.target, l.begun = 16, time.Now()
	for _, c := range []struct{ rate, want float64 }{
		{100 << 20, 32}, {190 << 20, 64}, {200 << 20, 32}, // the last step moved a tenth more only: it is taken back
		{200 << 20, 32}, // and not tried again at once
	} {
		if l.step(c.rate); l.target != c.want {
			t.Fatalf("at %.0f bytes a second: %v transfers, want %v", c.rate, l.target, c.want)
		}
	}
	l.hold = time.Time{}
	for range 10 {
		l.step(l.rate*2 + 1<<30)
	}
	if l.target != maxTransfers {
		t.Errorf("%v transfers at most", l.target)
	}
}

func TestLimiterFalls(t *testing.T) {
	l := newLimiter(0)
	l.target = 100
	l.slower()
	l.slower() // the same burst of answers
	if l.target != 60 {
		t.Errorf("%v transfers", l.target)
	}
	for range 20 {
		l.calm = time.Time{}
		l.slower()
	}
	if l.target != minTransfers {
		t.Errorf("%v transfers at least", l.target)
	}
}

func TestLimiterSlots(t *testing.T) {
	l := newLimiter(2)
	if n := l.tryAcquire(5); n != 2 {
		t.Fatalf("%d slots of 2", n)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	if err := l.acquire(ctx); !errors.Is(err, why) {
		t.Errorf("waiting: %v", err)
	}
	// A slot that comes free goes to who waits for work of his own, before helpers.
	order := make(chan string, 2)
	go func() { _ = l.acquireIdle(t.Context()); order <- "helper"; l.release(0) }()
	time.Sleep(10 * time.Millisecond)
	go func() { _ = l.acquire(t.Context()); order <- "worker"; time.Sleep(10 * time.Millisecond); l.release(1) }()
	for l.waitingNow() == 0 {
		time.Sleep(time.Millisecond)
	}
	l.release(0)
	if first := <-order; first != "worker" {
		t.Errorf("the %s came first", first)
	}
	<-order
}

func (l *limiter) waitingNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}
