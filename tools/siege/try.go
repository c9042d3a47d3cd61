package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/lab"
)

// The operations.
const (
	up     = "up"
	down   = "down"
	copied = "copy"
)

// endsWithin bounds a transfer: more than the blows and some waiting for a server that starts.
const endsWithin = 3 * time.Minute

// besieged is what all tries share.
type besieged struct {
	s           settings
	src, config string
	srv         *victim
	usual       map[string]time.Duration
}

// prepare fills the bucket, and measures each operation without a blow.
func (b *besieged) prepare(ctx context.Context) error {
	b.usual = map[string]time.Duration{}
	if err := b.run(ctx, b.src, "s3://"+bucket+"/src").err; err != nil {
		return err
	}
	for _, op := range b.s.ops {
		from, to := b.places(op, "0")
		r := b.run(ctx, from, to)
		if r.err != nil {
			return r.err
		}
		b.usual[op] = r.took
		if err := b.clear(ctx, op, to); err != nil {
			return err
		}
	}
	return nil
}

// places are source and destination of a try.
func (b *besieged) places(op, name string) (from, to string) {
	remote := "s3://" + bucket + "/"
	switch op {
	case up:
		return b.src, remote + "up-" + name
	case down:
		return remote + "src", filepath.Join(b.s.dir, "down-"+name)
	}
	return remote + "src", remote + "copy-" + name
}

// clear makes room. What is in the store is removed by ferry, too.
func (b *besieged) clear(ctx context.Context, op, to string) error {
	if op == down {
		return os.RemoveAll(to)
	}
	empty := filepath.Join(b.s.dir, "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	return b.run(ctx, empty, to, "--delete").err
}

// A result is how a run of ferry ended.
type result struct {
	took time.Duration
	out  string
	err  error
}

// command is ferry, syncing.
func (b *besieged) command(ctx context.Context, out *bytes.Buffer, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.s.ferry, append([]string{"sync", "--only-show-errors"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // it says where it hangs
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = lab.Environ("AWS_ENDPOINT_URL=http://"+b.srv.addr, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_REGION=us-east-1", "AWS_CONFIG_FILE="+b.config)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// run runs it to its end.
func (b *besieged) run(ctx context.Context, args ...string) result {
	ctx, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	var out bytes.Buffer
	begun := time.Now()
	err := b.command(ctx, &out, args...).Run()
	if err != nil {
		err = fmt.Errorf("ferry sync %s: %w\n%s", strings.Join(args, " "), err, out.String())
	}
	return result{took: time.Since(begun), out: out.String(), err: err}
}

// try makes one, and says what happened. The error is of a try that did not hold.
func (b *besieged) try(ctx context.Context, op string, i int, chance *rand.Rand) (report string, err error) {
	from, to := b.places(op, fmt.Sprint(i))
	all := blows(chance, b.usual[op])
	var death <-chan time.Time // ferry's own
	report = list(all)
	if chance.IntN(5) == 0 {
		after := time.Duration(chance.Float64() * float64(b.usual[op]))
		death = time.After(after)
		report += fmt.Sprintf(", ferry killed at %.2f s", after.Seconds())
	}
	r, killed, err := b.under(ctx, all, death, from, to)
	if err != nil {
		return report, err
	}
	report += fmt.Sprintf("; %.1f s", r.took.Seconds())
	if r.err != nil {
		if !killed && !strings.Contains(r.out, bucket) {
			return report, fmt.Errorf("an error without a name: %w", r.err)
		}
		report += ", an error"
		if !killed {
			report += fmt.Sprintf(" (%v)", r.err)
		}
		if killed && op == down {
			time.Sleep(2500 * time.Millisecond) // younger files in the making are left alone
		}
	} else if err := b.whole(ctx, op, to); err != nil {
		return report, fmt.Errorf("exit code 0: %w", err)
	}
	if again := b.run(ctx, from, to); again.err != nil {
		return report, fmt.Errorf("the next sync: %w", again.err)
	}
	if err := b.whole(ctx, op, to); err != nil {
		return report, fmt.Errorf("after the next sync: %w", err)
	}
	if op != down {
		n, err := b.srv.uploads(ctx, strings.TrimPrefix(to, "s3://"+bucket+"/"))
		if err != nil {
			return report, err
		}
		if n > 0 {
			report += fmt.Sprintf(", %d uploads open", n)
		}
	}
	return report, b.clear(ctx, op, to)
}

// under runs ferry under the blows. killed says that it was death that ended it.
func (b *besieged) under(ctx context.Context, all []blow, death <-chan time.Time, from, to string) (r result, killed bool, err error) {
	limited, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	var out bytes.Buffer
	cmd := b.command(limited, &out, from, to)
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return r, false, err
	}
	over, struck := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := b.srv.strike(ctx, all, over)
		struck <- err
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-death:
		killed = true
		_ = cmd.Process.Kill()
		err = <-ended
	}
	close(over)
	r = result{took: time.Since(begun), out: out.String()}
	if err != nil {
		r.err = fmt.Errorf("%w\n%s", err, out.String())
	}
	err = <-struck
	if limited.Err() != nil {
		err = errors.Join(err, fmt.Errorf("it did not end: %w", r.err))
	}
	return r, killed, err
}

// whole makes sure that the destination has everything and nothing else, and that the source is as it was.
func (b *besieged) whole(ctx context.Context, op, to string) error {
	want, err := files(b.src)
	if err != nil {
		return err
	}
	if len(want) != b.s.files {
		return fmt.Errorf("of %d files on this side %d are left", b.s.files, len(want))
	}
	if op == down {
		left, err := leftParts(to)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left behind: %q", left)
		}
		return errors.Join(err, sameTree(b.src, to))
	}
	prefix := strings.TrimPrefix(to, "s3://"+bucket+"/")
	n, err := b.srv.keys(ctx, prefix)
	if err == nil && n != len(want) {
		err = fmt.Errorf("%d keys for %d files", n, len(want))
	}
	return errors.Join(err, b.srv.samePrefix(ctx, b.src, prefix))
}
