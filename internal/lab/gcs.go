package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A GCS is one running gcsserver, an emulator of Google Cloud Storage. It ends when Stop is called, or when this process ends in any way,
// because that closes its standard input. Its methods are safe for concurrent use.
type GCS struct {
	Endpoint string // http://127.0.0.1:PORT

	cmd   *exec.Cmd
	log   lockedBuffer
	mu    sync.Mutex // a request and its answer
	in    io.WriteCloser
	lines chan string // what it prints; closed when it ends
}

// Env is what a child process needs to use the server, besides Environ.
func (g *GCS) Env() []string { return []string{"STORAGE_EMULATOR_HOST=" + g.Endpoint} }

// StartGCS builds the server if need be, starts it, and returns once it answers. Objects are in dir, or in memory for "".
func StartGCS(dir string) (*GCS, error) {
	path, err := Tool("gcsserver")
	if err != nil {
		return nil, err
	}
	g := &GCS{cmd: exec.Command(path), lines: make(chan string)}
	if dir != "" {
		g.cmd.Args = append(g.cmd.Args, "--dir", dir)
	}
	// A Ctrl-C is for whoever uses the server, who needs it to end in good order.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.cmd.Stderr = &g.log
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err == nil {
		err = g.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the emulator of Google Cloud Storage: %w", err)
	}
	go func() {
		defer close(g.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.lines <- lines.Text()
		}
	}()
	said, err := g.hear()
	if at, ok := strings.CutPrefix(said, "listening "); ok {
		g.Endpoint = at
		return g, nil
	}
	if err == nil {
		err = fmt.Errorf("it said %q", said)
	}
	_ = g.cmd.Process.Kill()
	g.Stop()
	return nil, fmt.Errorf("starting the emulator of Google Cloud Storage: %w\n%s", err, g.log.String())
}

// hear is the next line that the server prints.
func (g *GCS) hear() (string, error) {
	select {
	case line, ok := <-g.lines:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return line, nil
	case <-time.After(startWithin):
		return "", os.ErrDeadlineExceeded
	}
}

// Bucket makes a bucket. One that is there already is fine.
func (g *GCS) Bucket(name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := fmt.Fprintf(g.in, "bucket %s\n", name)
	line := ""
	if err == nil {
		line, err = g.hear()
	}
	if err == nil && line != "bucket "+name {
		err = errors.New(line)
	}
	if err != nil {
		return fmt.Errorf("making bucket %q: %w\n%s", name, err, g.log.String())
	}
	return nil
}

// Stop ends the server, and returns when it has ended.
func (g *GCS) Stop() {
	_ = g.in.Close()
	late := time.AfterFunc(startWithin, func() { _ = g.cmd.Process.Kill() })
	defer late.Stop()
	for range g.lines { // to its end, which is that of the server
	}
	_ = g.cmd.Wait() // it may have been killed
}
