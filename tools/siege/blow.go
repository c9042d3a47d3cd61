package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"
)

// A blow is what happens to the server at a moment.
type blow struct {
	after time.Duration // since the last one
	kind  string
	lasts time.Duration
}

// The kinds of blows. After each the server is well again.
const (
	killed  = "killed"
	stopped = "stopped"
	both    = "stopped and killed"
)

// blows makes up to three for a transfer that takes that long undisturbed.
func blows(chance *rand.Rand, usual time.Duration) []blow {
	all := make([]blow, 1+chance.IntN(3))
	for i := range all {
		all[i] = blow{
			after: time.Duration(chance.Float64() * float64(usual) * 1.1),
			kind:  []string{killed, stopped, both}[chance.IntN(3)],
			lasts: time.Duration(chance.Float64() * float64(4*time.Second)),
		}
		if i > 0 {
			all[i].after /= 2
		}
	}
	return all
}

func list(all []blow) string {
	var s []string
	for _, b := range all {
		s = append(s, fmt.Sprintf("+%.2f s %s for %.1f s", b.after.Seconds(), b.kind, b.lasts.Seconds()))
	}
	return strings.Join(s, ", ")
}

// strike deals the blows. They stop where over is closed, but for the one that is being dealt; the server is well at the end.
func (v *victim) strike(ctx context.Context, all []blow, over <-chan struct{}) (dealt int, err error) {
	for _, b := range all {
		select {
		case <-time.After(b.after):
		case <-over:
			return dealt, v.answers()
		case <-ctx.Done():
			return dealt, ctx.Err()
		}
		dealt++
		if b.kind != killed {
			v.signal(syscall.SIGSTOP)
			time.Sleep(b.lasts)
		}
		if b.kind == stopped {
			v.signal(syscall.SIGCONT)
			continue
		}
		v.kill()
		if b.kind == killed {
			time.Sleep(b.lasts)
		}
		if err := v.start(); err != nil {
			return dealt, err
		}
	}
	return dealt, v.answers()
}
