package apptainer

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
)

// stranger is a container that another ferry made. What it writes is that ferry's.
type stranger struct {
	engine *Engine
	record record
}

var _ engine.Container = (*stranger)(nil)

// endPause is between two looks whether it has ended.
const endPause = 20 * time.Millisecond

func (s *stranger) ID() string { return s.record.ID }

// Has says which of the paths are files in the image.
func (s *stranger) Has(ctx context.Context, paths []string) (map[string]bool, error) {
	in, err := s.engine.look(&s.record)
	if err != nil {
		return nil, err
	}
	return hasFiles(ctx, in, paths)
}

// Start is for who made it.
func (s *stranger) Start(context.Context, io.Writer, io.Writer) error {
	return fmt.Errorf("%w: another ferry made the container", engine.ErrLaunch)
}

// Wait returns once it has ended. How it ended only its ferry knows, and says so where that was not killed.
func (s *stranger) Wait(ctx context.Context) (engine.Exit, error) {
	for {
		r, err := s.engine.depot.read(s.record.ID)
		if err != nil {
			return engine.Exit{}, err
		}
		if r.Exit != nil {
			return *r.Exit, nil
		}
		if r.Process.PID != 0 && !r.running() {
			return engine.Exit{Code: 128 + int(syscall.SIGKILL), Lost: true, Error: "the ferry that ran it was killed", Started: r.Created, Finished: time.Now()}, nil
		}
		select {
		case <-ctx.Done():
			return engine.Exit{}, ctx.Err()
		case <-time.After(endPause):
		}
	}
}

// Stop sends TERM, and KILL after grace.
func (s *stranger) Stop(ctx context.Context, grace time.Duration) error {
	r, err := s.engine.depot.read(s.record.ID)
	if err != nil || !r.running() {
		return nil
	}
	if grace > 0 && r.Process.lives() {
		_ = syscall.Kill(r.Process.PID, syscall.SIGTERM)
		for end := time.Now().Add(grace); r.running() && time.Now().Before(end) && ctx.Err() == nil; {
			time.Sleep(endPause)
		}
	}
	return r.Process.kill(r.Space)
}

// Stats is what it uses.
func (s *stranger) Stats(context.Context) (engine.Stats, error) {
	r, err := s.engine.depot.read(s.record.ID)
	if err != nil {
		return engine.Stats{}, err
	}
	if !r.running() {
		return engine.Stats{}, fmt.Errorf("%q: %w", r.ID, engine.ErrNoContainer)
	}
	return usage(members(r.Space)), nil
}

// Remove ends it, and removes its directory.
func (s *stranger) Remove(ctx context.Context) error {
	if err := s.Stop(ctx, 0); err != nil {
		return err
	}
	r, err := s.engine.depot.read(s.record.ID)
	if err != nil {
		return nil // it is gone
	}
	return s.engine.depot.discard(r)
}

// look gives what looks into a container's image.
func (e *Engine) look(r *record) (rootfs, error) {
	if s, err := readSIF(r.At); err == nil {
		return e.squashed(r.At, s), nil
	}
	return sandbox{r.At}, nil
}
