package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler/batch"
	"github.com/genepattern/ferry/scheduler/slurm"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/record"
)

func runCommand(w world) *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "stage a job in, run its module, stage its results out",
		// The library's own template would repeat each flag and its variable; a template's actions do not occur in the text.
		CustomHelpTemplate: runHelp(),
		Flags:              runFlags(),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cause.Fail(cause.Usage, "ferry run --help lists the flags", "run takes no argument: %q", c.Args().First())
			}
			w, out := w.steady()
			defer out.flush()
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return runJob(c.Context, w, runArgs{flags: flagSettings(c), jobFile: c.String("job"), handle: c.String("handle"), child: c.String("child"), watchSpot: c.Bool("watch-spot"), hurry: out.hurry}, log)
		},
	}
}

// runArgs are the arguments of `ferry run`.
type runArgs struct {
	flags     job.Settings
	jobFile   string // "" for none
	handle    string // of a submitted job, whose description is there; "" for none
	child     string // which child of its array; "" where the scheduler says so
	watchSpot bool
	hurry     func() // ends all waiting for readers of stdout and stderr
	relay     relay  // which part of a job in three containers; the zero value is a whole job
}

// runFlags makes the flags out of the table of options.
func runFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "job", EnvVars: []string{"FERRY_JOB"}},
		&cli.StringFlag{Name: "handle", EnvVars: []string{"FERRY_HANDLE"}},
		&cli.StringFlag{Name: "child", EnvVars: []string{"FERRY_CHILD"}},
		&cli.BoolFlag{Name: "watch-spot", EnvVars: []string{"FERRY_WATCH_SPOT"}},
	}
	for _, o := range vocabulary().Options() {
		switch {
		case o.Bool():
			flags = append(flags, &cli.BoolFlag{Name: o.Name, Hidden: o.Hidden})
		case o.Repeat:
			flags = append(flags, &cli.StringSliceFlag{Name: o.Name, Hidden: o.Hidden})
		default:
			flags = append(flags, &cli.StringFlag{Name: o.Name, Hidden: o.Hidden})
		}
	}
	return flags
}

// runHelp is the help text of `ferry run`, made of the same table.
func runHelp() string {
	var b strings.Builder
	b.WriteString(`ferry run - stage a job in, run its module, stage its results out

usage: ferry run [flags]

Each flag has a variable FERRY_<FLAG> and a key of the same name in the --job file; flag beats variable beats
file. In a variable the values of a repeatable flag (+) stand on lines of their own.

`)
	line := func(name, arg, mark, usage, standard string) {
		if standard != "" && standard != "false" {
			usage += " (default: " + standard + ")"
		}
		fmt.Fprintf(&b, "  --%-40s %s\n", strings.TrimSpace(name+" "+arg)+mark, usage)
	}
	line("job", "FILE", "", "read the job from a JSON or YAML file", "")
	line("handle", "URL", "", "run a job that `ferry submit` has put at URL; its options beat variables and file", "")
	line("child", "N", "", "which child of its array", "what AWS Batch or Slurm says")
	for _, o := range vocabulary().Options() {
		if o.Hidden {
			continue
		}
		mark := ""
		if o.Repeat {
			mark = " +"
		}
		line(o.Name, o.Arg, mark, o.Usage, o.Default)
	}
	line("watch-spot", "", "", "take an EC2 spot interruption notice for a signal to stop", "")
	b.WriteString("\n" + exitCodesHelp() + "\n")
	return b.String()
}

// flagSettings are the options given on the command line.
func flagSettings(c *cli.Context) job.Settings {
	s := job.Settings{}
	for _, o := range vocabulary().Options() {
		if !c.IsSet(o.Name) {
			continue
		}
		v := job.Setting{From: "--" + o.Name}
		switch {
		case o.Bool():
			v.Values = []string{fmt.Sprint(c.Bool(o.Name))}
		case o.Repeat:
			v.Values = c.StringSlice(o.Name)
		default:
			v.Values = []string{c.String(o.Name)}
		}
		s[o.Name] = v
	}
	return s
}

// envSettings are the options given as FERRY_ variables. An empty one counts as not set: job definitions often cannot
// leave a variable out.
func envSettings(lookup func(string) (string, bool)) job.Settings {
	s := job.Settings{}
	for _, o := range vocabulary().Options() {
		name := "FERRY_" + job.EnvName(o.Name)
		text, ok := lookup(name)
		if !ok || strings.TrimSpace(text) == "" {
			continue
		}
		v := job.Setting{From: name, Values: []string{text}}
		if o.Repeat {
			v.Values = nil
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); line != "" {
					v.Values = append(v.Values, line)
				}
			}
		}
		s[o.Name] = v
	}
	return s
}

// batchSettings are the identity that AWS Batch gives a job, where nothing else does.
func batchSettings(lookup func(string) (string, bool)) job.Settings {
	s := job.Settings{}
	for option, v := range batch.Identity(lookup) {
		s[option] = job.Setting{From: v.Variable, Values: []string{v.Text}}
	}
	return s
}

// slurmSettings is the grace time that Slurm's own KillWait leaves, where nothing else says how long it is.
func slurmSettings(lookup func(string) (string, bool)) job.Settings {
	grace, file, ok := slurm.Grace(lookup, func(name string) (io.ReadCloser, error) { return os.Open(name) })
	if !ok {
		return nil
	}
	return job.Settings{"grace": {From: "KillWait in " + file, Values: []string{grace.String()}}}
}

// settings are all that was given, by flags, variables, a GenePattern server and a file.
func (a runArgs) settings(ctx context.Context, w world, server job.Settings) (job.Settings, error) {
	sources := []job.Settings{a.flags}
	if a.handle != "" {
		submitted, err := a.submitted(ctx, w)
		if err != nil {
			return nil, err
		}
		sources = append(sources, submitted)
	}
	sources = append(sources, envSettings(w.lookup), server)
	if a.jobFile != "" {
		file, err := fileSettings(a.jobFile)
		if err != nil {
			return nil, err
		}
		sources = append(sources, file)
	}
	own := batchSettings(w.lookup)
	if a.handle != "" {
		delete(own, "array-index") // `ferry submit` has given each child its own
	}
	return job.Merge(append(sources, own, slurmSettings(w.lookup), engineSettings(w))...), nil
}

// engineSettings is the engine of this machine, where nothing names one and it is not the default.
func engineSettings(w world) job.Settings {
	name := engines.Detect(engineHost(w))
	if name == engines.Default() {
		return nil
	}
	return job.Settings{"engine": {From: "what is on this machine", Values: []string{name}}}
}

// runJob describes the job, builds what it needs, and runs it.
func runJob(ctx context.Context, w world, a runArgs, log zerolog.Logger) error {
	began := time.Now()
	server, err := w.request()
	if err != nil {
		return err
	}
	if server.Debug {
		log = log.Level(min(log.GetLevel(), zerolog.DebugLevel))
	}
	tell(log, server)
	stop := newStopper(ctx, w.signals, a.hurry, log)
	defer stop.close()
	var given job.Settings
	err = stop.during(func() (err error) { given, err = a.settings(stop.save, w, server.Settings); return err })
	if err != nil {
		return err
	}
	j, err := vocabulary().Describe(given, w.lookup)
	if err != nil {
		return refuse(stop.save, w, given, err, log)
	}
	server.Complete(&j)
	if j.LocalPrefix == "" {
		j.LocalPrefix = ownPrefix()
	}
	deps, err := a.relay.deps(w, &j, log)
	if err != nil {
		return refuse(stop.save, w, given, err, log)
	}
	if j.DryRun {
		if err := stop.leave(); err != nil {
			return err
		}
		return exit(w, wrapper.Plan(ctx, j, deps))
	}
	stop.rule(stopRules{grace: j.Grace, walltime: j.Walltime, inBatch: batch.Inside(w.lookup), began: began})
	deps.Launched = stop.launch
	deps.Node = nodeOf(w)
	if a.watchSpot {
		go batch.WatchSpot(stop.save, log, stop.notices) // a notice after a signal may leave less time
	}
	return a.relay.exit(w, a.relay.run(stop.work, stop.save, j, deps))
}

// nodeOf asks the metadata service of EC2 what this node is.
func nodeOf(w world) func(context.Context) (record.Node, error) {
	endpoint, _ := w.lookup("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	return func(ctx context.Context) (record.Node, error) {
		return w.shared.nodeOf(ctx, func(ctx context.Context) (record.Node, error) {
			n, err := batch.AskNode(ctx, endpoint)
			return record.Node(n), err
		})
	}
}

// ownPrefix is where this user's jobs in place have their locks. It is on this node's own disk: a home may be on many nodes.
func ownPrefix() string { return filepath.Join(os.TempDir(), fmt.Sprintf("ferry-%d", os.Getuid())) }

// refuse tells those who wait for a job why it never began, where its settings say who they are.
func refuse(ctx context.Context, w world, given job.Settings, err error, log zerolog.Logger) error {
	j, known := vocabulary().Glimpse(given)
	if !known {
		return err
	}
	deps, storeErr := storeDeps(w, j.Store, log)
	if storeErr != nil {
		return err
	}
	return exit(w, wrapper.Refuse(ctx, j, err, deps))
}

// exit reports an outcome and gives its code.
func exit(w world, out wrapper.Outcome) error {
	if out.Err != nil {
		report(w.stderr, out.Err)
	}
	code := out.ProcessCode()
	if code == 0 {
		return nil
	}
	if code != out.Code {
		fmt.Fprintf(w.stderr, "ferry: the module ended with %d; ferry ends with %d, because its own %d asks for another attempt\n", out.Code, code, out.Code)
	}
	return exitError(code)
}
