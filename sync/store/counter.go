package store

import (
	"context"
	"sync/atomic"
)

// A Counter counts what a store does for one transfer. It is safe for concurrent use.
type Counter struct {
	Requests  atomic.Int64 // requests sent, retries included
	Retries   atomic.Int64 // requests sent again
	Throttled atomic.Int64 // answers that ask for fewer requests
}

type counterKey struct{}

// WithCounter is ctx with c as the counter.
func WithCounter(ctx context.Context, c *Counter) context.Context {
	return context.WithValue(ctx, counterKey{}, c)
}

// CounterOf is the counter of ctx. Where ctx has none, it is a new one that nobody reads.
func CounterOf(ctx context.Context) *Counter {
	if c, ok := ctx.Value(counterKey{}).(*Counter); ok {
		return c
	}
	return new(Counter)
}
