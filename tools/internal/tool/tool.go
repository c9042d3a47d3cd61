// Package tool is what the programs below tools/ have in common: how they end, what they build, and a directory to work in.
package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/genepattern/ferry/internal/lab"
)

// Main runs a program and ends this process: with the code that run returns, with 1 and one message for an error, and with 130
// where it was told to stop. Its deferred functions have run by then.
func Main(name string, run func(ctx context.Context, args []string) (int, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stopped := ctx.Err() != nil
	stop()
	switch {
	case stopped:
		code = 130
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		code = 1
	}
	os.Exit(code)
}

// Env is a variable of the environment, or what to take where it is empty.
func Env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// InTemp runs f in a directory of its own, and removes it.
func InTemp(f func(dir string) error) (err error) {
	dir, err := os.MkdirTemp("", "ferry-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.RemoveTree(dir)) }()
	return f(dir)
}

// Build makes bin/ferry as `make build` does, with its version, and returns its path.
func Build(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-s", "build")
	cmd.Dir = lab.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Join(lab.Root(), "bin", "ferry"), nil
}

// ExitCode is the code that a command ended with. It is an error where the command did not run, or did not end by itself.
func ExitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}
