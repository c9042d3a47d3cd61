package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/schedulers"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
)

func submitCommand(w world) *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "run a job on this machine, or hand it to a scheduler",
		ArgsUsage: "[-- COMMAND ARG…]",
		Description: "The options of `ferry run` say what the job is; paths may be relative, and without --workdir a new directory is made.\n" +
			"Where a job can run: " + schedulers.All.Usage() + ".",
		Flags: submitFlags(),
		Action: func(c *cli.Context) error {
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			a := submitArgs{
				run: runArgs{flags: flagSettings(c), jobFile: c.String("job")}, to: c.String("to"), command: c.Args().Slice(), stdin: c.String("stdin"),
				array: c.Int("array"), each: c.String("each"), parallel: c.Int("parallel"), again: c.String("again"), only: c.String("only"),
				retry: c.String("retry-oom"), show: showArgs{json: c.Bool("json"), wait: c.Bool("wait"), detach: c.Bool("detach")},
			}
			a.scheduler = schedulerSettings(c)
			return submitJob(c.Context, w, a, log)
		},
	}
}

// schedulerSettings are the options that only schedulers know.
func schedulerSettings(c *cli.Context) map[string][]string {
	all := map[string][]string{}
	for _, o := range schedulers.All.Options() {
		if !c.IsSet(o.Name) {
			continue
		}
		all[o.Name] = []string{c.String(o.Name)}
		if o.Repeat {
			all[o.Name] = c.StringSlice(o.Name)
		}
	}
	return all
}

// submitArgs are the arguments of `ferry submit`.
type submitArgs struct {
	run       runArgs
	to        string
	command   []string
	stdin     string
	array     int
	each      string
	parallel  int
	again     string
	only      string
	retry     string
	scheduler map[string][]string
	show      showArgs
}

// showArgs say what is done after a job was submitted.
type showArgs struct {
	json, wait, detach bool
	ended              func() // called when the job has ended and its results are here; nil for nothing
}

func submitFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "to", Value: "local", Usage: "`TARGET`: " + schedulers.All.Forms(), EnvVars: []string{"FERRY_TO"}},
		&cli.BoolFlag{Name: "wait", Usage: "follow the job, fetch its results, and exit with its code; --to local does so by itself"},
		&cli.BoolFlag{Name: "detach", Usage: "do not wait for a local job"},
		jsonFlag(),
		&cli.StringFlag{Name: "stdin", Usage: "`FILE` that COMMAND reads"},
		&cli.IntFlag{Name: "array", Usage: "run `N` children; {index} stands for 0 to N-1"},
		&cli.StringFlag{Name: "each", Usage: "run a child for each line of `FILE`: a .csv with a header, whose columns are {column}, or plain lines, which are {line}"},
		&cli.IntFlag{Name: "parallel", Usage: "run at most `N` children at once"},
		&cli.StringFlag{Name: "again", Usage: "run the job `ID` once more; options given beside it replace those it had"},
		&cli.StringFlag{Name: "only", Usage: "`failed`: with --again, only the children that failed"},
		&cli.StringFlag{Name: "retry-oom", Usage: "when memory was too little, try again with more: `FACTORx,TIMES`, such as 2x,2; needs --wait"},
	}
	for _, o := range schedulers.All.Options() {
		usage := strings.Replace(o.Usage, o.Arg, "`"+o.Arg+"`", 1)
		if o.Repeat {
			flags = append(flags, &cli.StringSliceFlag{Name: o.Name, Usage: usage + "; repeatable"})
			continue
		}
		flags = append(flags, &cli.StringFlag{Name: o.Name, Usage: usage, EnvVars: []string{"FERRY_" + job.EnvName(o.Name)}})
	}
	for _, f := range runFlags() {
		if f.Names()[0] == "watch-spot" || f.Names()[0] == "handle" || f.Names()[0] == "child" {
			continue
		}
		flags = append(flags, f)
	}
	for _, o := range vocabulary().Options() { // the table of `ferry run` has what they are for
		for _, f := range flags {
			if f.Names()[0] != o.Name {
				continue
			}
			switch f := f.(type) {
			case *cli.StringFlag:
				f.Usage = o.Usage
			case *cli.BoolFlag:
				f.Usage = o.Usage
			case *cli.StringSliceFlag:
				f.Usage = o.Usage
			}
		}
	}
	return flags
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print one JSON object a job"}
}

// submitJob submits a new job, or an old one again, and shows what becomes of it.
func submitJob(ctx context.Context, w world, a submitArgs, log zerolog.Logger) error {
	kind, _, err := schedulers.All.Parse(a.to)
	if err != nil {
		return err
	}
	var retry submit.Retry
	if a.retry != "" {
		if retry, err = submit.ParseRetry(a.retry); err != nil {
			return cause.Fail(cause.Usage, "", "--retry-oom: %w", err)
		}
	}
	a.show.wait = a.show.wait || kind.Attached && !a.show.detach
	switch {
	case a.show.detach && retry.Times > 0, retry.Times > 0 && !a.show.wait:
		return cause.Fail(cause.Usage, "", "--retry-oom needs --wait: somebody has to see that the job ended")
	case a.run.flags.Last("dry-run") == "true":
		return cause.Fail(cause.Usage, "ferry run --dry-run prints the plan of a job", "--dry-run: ferry submit has none")
	case a.only != "" && (a.only != "failed" || a.again == ""):
		return cause.Fail(cause.Usage, "", "--only: %q is not \"failed\" beside --again", a.only)
	}
	given, err := submitSettings(w, a, kind)
	if err != nil {
		return err
	}
	client, tell, err := newClient(w, storeSettings(given), log)
	if err != nil {
		return err
	}
	describe := describer(w)
	var st submit.Status
	sending, stop := interruptible(ctx)
	endBar := tell.transfer()
	if a.again != "" {
		st, err = client.Again(sending, submit.Repeat{Ref: a.again, OnlyFailed: a.only == "failed", Settings: a.run.flags, Describe: describe})
	} else {
		st, err = newJob(sending, client, a, given, describe, kind)
	}
	late := sending.Err() != nil
	stop()
	endBar()
	switch {
	case err != nil:
		return err
	case late: // for the signal: the job is there
		tell.say("job %s goes on: ferry status %s", st.ID, st.ID)
		return exitError(cause.Interrupted.Code())
	}
	return show(ctx, w, shown{client: client, tell: tell, args: a.show, retry: retry, describe: describe}, st)
}

// describer makes jobs of settings.
func describer(w world) func(job.Settings) (job.Job, error) {
	return func(s job.Settings) (job.Job, error) { return vocabulary().Describe(s, w.lookup) }
}

func newJob(ctx context.Context, client *submit.Client, a submitArgs, given job.Settings, describe func(job.Settings) (job.Job, error), kind scheduler.Kind) (submit.Status, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return submit.Status{}, err
	}
	o := submit.Order{Settings: given, Describe: describe, Cwd: cwd, Target: a.to, InPlace: kind.InPlace, Scheduler: a.scheduler, Stdin: a.stdin}
	if len(a.command) > 0 {
		o.Command = a.command
	}
	if o.Array, err = a.children(); err != nil {
		return submit.Status{}, &cause.Error{Cause: cause.Usage, Err: err}
	}
	return client.Submit(ctx, o)
}

// children are those of --array and --each; nil for a job that is no array.
func (a submitArgs) children() (*handle.Array, error) {
	if a.array == 0 && a.each == "" {
		if a.parallel != 0 {
			return nil, errors.New("--parallel is for --array and --each")
		}
		return nil, nil
	}
	var columns []string
	var rows [][]string
	if a.each != "" {
		var err error
		if columns, rows, err = readRows(a.each); err != nil {
			return nil, fmt.Errorf("--each %q: %w", a.each, err)
		}
	}
	array, err := submit.NewArray(a.array, columns, rows)
	if err == nil {
		if a.parallel < 0 {
			return nil, errors.New("--parallel: a negative number")
		}
		array.Parallel = a.parallel
	}
	return array, err
}

// eachMax bounds the file of --each.
const eachMax = 16 << 20

// readRows reads a CSV file with a header, or lines.
func readRows(name string) (columns []string, rows [][]string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, pathless(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, eachMax+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(data) > eachMax:
		return nil, nil, fmt.Errorf("larger than %d bytes", eachMax)
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err == nil && len(all) < 2 {
			err = errors.New("no line below the header")
		}
		if err != nil {
			return nil, nil, err
		}
		return all[0], all[1:], nil
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			rows = append(rows, []string{line})
		}
	}
	if rows == nil {
		return nil, nil, errors.New("no lines")
	}
	return []string{"line"}, rows, nil
}

// submitSettings are the options of the job.
func submitSettings(w world, a submitArgs, kind scheduler.Kind) (job.Settings, error) {
	sources := []job.Settings{a.run.flags, envSettings(w.lookup)}
	if a.run.jobFile != "" {
		file, err := fileSettings(a.run.jobFile)
		if err != nil {
			return nil, err
		}
		sources = append(sources, file)
	}
	if kind.Here && os.Geteuid() != 0 { // only root can make /local
		state, err := w.stateDir()
		if err != nil {
			return nil, err
		}
		sources = append(sources, job.Settings{"local-prefix": {Values: []string{filepath.Join(state, "nodes")}, From: "--local-prefix"}})
	}
	return job.Merge(sources...), nil
}

// storeSettings are the options that stores know.
func storeSettings(s job.Settings) map[string]string {
	all := map[string]string{}
	for _, o := range vocabulary().Stores {
		if v := s.Last(o.Name); v != "" {
			all[o.Name] = v
		}
	}
	return all
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
