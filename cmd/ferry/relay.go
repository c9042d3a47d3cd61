package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/scheduler/batch"
	"github.com/genepattern/ferry/wrapper"
)

// The parts of a job in three containers.
const (
	stageInName  = "stage-in"
	execName     = "exec"
	stageOutName = "stage-out"
)

// A relay says which part of a job in three containers is run. The zero relay is a whole job.
type relay struct {
	part     string // stageInName or stageOutName; "" for the whole
	platform platform.Platform
	later    bool          // stage-in leaves its failure to stage-out
	begin    time.Duration // stage-out waits for the module's container to begin
}

func stageInCommand(w world) *cli.Command {
	return relayCommand(w, stageInName, "the first of a job's three containers: stage in", &cli.BoolFlag{
		Name: "defer-failure", EnvVars: []string{"FERRY_DEFER_FAILURE"}, Usage: "end with 0 once a failure is left for stage-out to tell, so that the platform starts it"})
}

func stageOutCommand(w world) *cli.Command {
	return relayCommand(w, stageOutName, "the last of a job's three containers: wait for the others, stage out", &cli.DurationFlag{
		Name: "begin-within", EnvVars: []string{"FERRY_BEGIN_WITHIN"}, Value: wrapper.ExecWait, Usage: "how long the module's container may take to begin; 0s where it has ended already"})
}

// relayCommand is a command with the flags of `ferry run`.
func relayCommand(w world, name, usage string, own cli.Flag) *cli.Command {
	of := &cli.StringFlag{Name: "platform", EnvVars: []string{"FERRY_PLATFORM"}, Value: platform.Unknown, Usage: "what runs the containers, as `ferry jobdef` prints it"}
	flags := []cli.Flag{of, own}
	for _, f := range runFlags() {
		if f.Names()[0] != "watch-spot" {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name: name, Usage: usage, Flags: flags,
		Description: "The options are those of `ferry run`, and the same for stage-in and stage-out. --local-prefix is the volume.",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cause.Fail(cause.Usage, "ferry run --help lists the flags", "%s takes no argument: %q", name, c.Args().First())
			}
			p, err := platform.Of(c.String("platform"))
			if err != nil {
				return err
			}
			r := relay{part: name, platform: p, later: c.Bool("defer-failure"), begin: c.Duration("begin-within")}
			w, out := w.steady()
			defer out.flush()
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return runJob(c.Context, w, runArgs{flags: flagSettings(c), jobFile: c.String("job"), handle: c.String("handle"), child: c.String("child"), hurry: out.hurry, relay: r}, log)
		},
	}
}

// deps are what the part is run with.
func (r relay) deps(w world, j *job.Job, log zerolog.Logger) (wrapper.Deps, error) {
	if r.part == "" {
		return runDeps(w, j, log)
	}
	deps, err := storeDeps(w, j.Store, log)
	deps.Engine, deps.Stager = r.platform, stagerOf(j)
	return deps, err
}

// run runs the part.
func (r relay) run(work, save context.Context, j job.Job, deps wrapper.Deps) wrapper.Outcome {
	switch r.part {
	case stageInName:
		return wrapper.StageIn(work, save, j, deps)
	case stageOutName:
		return wrapper.StageOut(work, save, j, deps, r.begin)
	}
	return wrapper.Run(work, save, j, deps)
}

// exit reports an outcome and gives its code.
func (r relay) exit(w world, out wrapper.Outcome) error {
	err := exit(w, out)
	if r.later && out.Passed {
		return nil
	}
	return err
}

func execCommand(w world) *cli.Command {
	return &cli.Command{
		Name: execName, Usage: "the second of a job's three containers, the module's own: run the module", ArgsUsage: "[-- ARG…]",
		Description: "It stands as .ferry/ferry on the volume, and finds there what `ferry stage-in` has left. ARG… runs in place of the job's script.",
		Flags:       []cli.Flag{&cli.StringFlag{Name: "volume-dir", EnvVars: []string{"FERRY_VOLUME_DIR"}, Usage: "`DIR` where the volume is; by default the one that this binary is on"}},
		Action: func(c *cli.Context) error {
			dir := c.String("volume-dir")
			if dir == "" {
				exe, err := os.Executable()
				if err != nil || filepath.Base(filepath.Dir(exe)) != platform.RelayDir {
					return cause.Fail(cause.Usage, "run it as <volume>/"+platform.RelayDir+"/ferry exec, or give --volume-dir", "this binary is on no volume of a job")
				}
				dir = filepath.Dir(filepath.Dir(exe))
			}
			w, out := w.steady()
			defer out.flush()
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return execModule(c.Context, w, dir, c.Args().Slice(), out.hurry, log)
		},
	}
}

// forwarded are the signals that `ferry exec` passes on to the module. Those that stop a job are not among them: the module is stopped.
var forwarded = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGALRM}

func execModule(ctx context.Context, w world, dir string, command []string, hurry func(), log zerolog.Logger) error {
	stop := newStopper(ctx, w.signals, hurry, log)
	defer stop.close()
	if j, err := wrapper.Ordered(dir); err == nil { // else Exec says what is wrong
		stop.rule(stopRules{grace: j.Grace, walltime: j.Walltime, inBatch: batch.Inside(w.lookup), began: time.Now()})
	}
	pass := make(chan os.Signal, 8)
	signal.Notify(pass, forwarded...)
	deps := wrapper.ExecDeps{Forward: pass, Command: command, Run: wrapper.Deps{
		Engine: engines.Within(w.environ), Log: log, Stdout: w.stdout, Stderr: w.stderr, Version: version, Launched: stop.launch}}
	return exit(w, wrapper.Exec(stop.work, stop.save, dir, deps))
}
