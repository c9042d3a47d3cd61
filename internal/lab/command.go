package lab

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// endWithin is how long a command may take to end in good order once it is told to. It is more than ferry's own 25 s.
const endWithin = 60 * time.Second

// Command is exec.CommandContext, but for how it ends: when ctx does, the command gets SIGTERM, and only after a minute
// SIGKILL. Its environment is Environ with extra.
func Command(ctx context.Context, extra []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = Environ(extra...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endWithin
	return cmd
}

// Output runs the command and returns what it printed to standard output, without the last newline. An error has what it
// printed to standard error.
func Output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%q: %w\n%s", cmd.Args, err, strings.TrimSuffix(stderr.String(), "\n"))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
