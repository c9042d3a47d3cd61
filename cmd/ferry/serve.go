package main

import (
	"context"
	"os"
	"strconv"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler/schedulers"
)

// serveCommand is a local job's process. The children of an array run in it, and share what shared has: a process for each of them
// would take as long as many a child.
func serveCommand(w world) *cli.Command {
	return &cli.Command{Name: schedulers.ServeCommand, Hidden: true, Action: func(c *cli.Context) error {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		p := &pool{world: w, executable: exe, logFormat: c.String("log-format"), logLevel: c.String("log-level")}
		p.world.shared = newShared()
		code, err := schedulers.Serve(c.Args().First(), schedulers.Runner{Child: p.child, Job: func(url string) int {
			return run(c.Context, []string{"ferry", "--log-format", "json", "run", "--handle", url}, w)
		}})
		if err == nil && code != 0 {
			err = exitError(code)
		}
		return err
	}}
}

// A pool runs the children of an array. Its methods are safe for concurrent use.
type pool struct {
	world      world
	executable string
	logFormat  string
	logLevel   string
}

// child runs one child in this process, unless its engine needs one for each job.
func (p *pool) child(ctx context.Context, url string, index int, log *os.File) int {
	a := runArgs{handle: url, child: strconv.Itoa(index), hurry: func() {}}
	w := p.world
	w.stdout, w.stderr, w.signals = log, log, make(chan os.Signal, 1)
	defer context.AfterFunc(ctx, func() { w.signals <- syscall.SIGTERM })()
	if asked, err := a.submitted(ctx, w); err == nil && !together(w, job.Merge(asked, envSettings(w.lookup))) {
		return schedulers.Exec(ctx, p.executable, url, index, log)
	}
	own, err := newLog(p.logFormat, p.logLevel, w)
	if err == nil {
		err = runJob(context.Background(), w, a, own)
	}
	return codeOf(w, err)
}

// together reports whether a job's engine lets it run in one process with others.
func together(w world, s job.Settings) bool {
	name := s.Last("engine")
	if name == "" {
		name = engines.Detect(engineHost(w))
	}
	return engines.Together(name)
}
