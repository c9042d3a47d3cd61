package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/scheduler/batch"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper"
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
			return runJob(c, w)
		},
	}
}

// runFlags makes the flags out of the table of options.
func runFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "job", EnvVars: []string{"FERRY_JOB"}},
		&cli.BoolFlag{Name: "watch-spot", EnvVars: []string{"FERRY_WATCH_SPOT"}},
	}
	for _, o := range wrapper.Options {
		switch {
		case o.Bool():
			flags = append(flags, &cli.BoolFlag{Name: o.Name})
		case o.Repeat:
			flags = append(flags, &cli.StringSliceFlag{Name: o.Name})
		default:
			flags = append(flags, &cli.StringFlag{Name: o.Name})
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
	for _, o := range wrapper.Options {
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
func flagSettings(c *cli.Context) wrapper.Settings {
	s := wrapper.Settings{}
	for _, o := range wrapper.Options {
		if !c.IsSet(o.Name) {
			continue
		}
		v := wrapper.Setting{From: "--" + o.Name}
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
func envSettings(lookup func(string) (string, bool)) wrapper.Settings {
	s := wrapper.Settings{}
	for _, o := range wrapper.Options {
		name := "FERRY_" + wrapper.EnvName(o.Name)
		text, ok := lookup(name)
		if !ok || strings.TrimSpace(text) == "" {
			continue
		}
		v := wrapper.Setting{From: name, Values: []string{text}}
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
func batchSettings(lookup func(string) (string, bool)) wrapper.Settings {
	s := wrapper.Settings{}
	for option, v := range batch.Identity(lookup) {
		s[option] = wrapper.Setting{From: v.Variable, Values: []string{v.Text}}
	}
	return s
}

// settings are all that was given, by flags, variables, a GenePattern server and a file.
func settings(c *cli.Context, w world, server wrapper.Settings) (wrapper.Settings, error) {
	sources := []wrapper.Settings{flagSettings(c), envSettings(w.lookup), server}
	if name := c.String("job"); name != "" {
		file, err := fileSettings(name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, file)
	}
	return wrapper.Merge(append(sources, batchSettings(w.lookup))...), nil
}

func runJob(c *cli.Context, w world) error {
	log, err := newLog(c, w)
	if err != nil {
		return err
	}
	server, err := w.request()
	if err != nil {
		return err
	}
	if server.Debug {
		log = log.Level(min(log.GetLevel(), zerolog.DebugLevel))
	}
	tell(log, server)
	given, err := settings(c, w, server.Settings)
	if err != nil {
		return err
	}
	deps, err := newDeps(w, log)
	if err != nil {
		return err
	}
	job, err := wrapper.Describe(given, w.lookup)
	if err != nil {
		return exit(w, wrapper.RefuseJob(c.Context, given, err, deps))
	}
	server.Complete(&job)
	deps = w.fit(job, deps)
	login, home, err := newLogins(w, registryLogin{user: job.RegistryUser, passwordFile: job.RegistryPasswordFile, name: job.Freeze, image: job.Image}, log)
	if err != nil {
		return exit(w, wrapper.RefuseJob(c.Context, given, err, deps))
	}
	deps.Login = login
	if f := newFreezer(w, deps.Engine, login, home, log); f != nil {
		deps.Freezer = f
	}
	if job.DryRun {
		return exit(w, wrapper.Plan(c.Context, job, deps))
	}
	stop := newStopper(c.Context, job.Grace, job.Walltime, log)
	defer stop.close()
	if c.Bool("watch-spot") {
		go batch.WatchSpot(stop.work, log, stop.notices)
	}
	return exit(w, wrapper.Run(stop.work, stop.save, job, deps))
}

// exit reports an outcome and gives its code.
func exit(w world, out wrapper.Outcome) error {
	if out.Err != nil {
		report(w.stderr, out.Err)
	}
	if out.Code == 0 {
		return nil
	}
	return exitError(out.Code)
}

// newDeps finds what a job is run with on this machine.
func newDeps(w world, log zerolog.Logger) (wrapper.Deps, error) {
	env := func(name string) string { v, _ := w.lookup(name); return v }
	conf := docker.Config{Host: env("DOCKER_HOST")}
	if env("DOCKER_TLS_VERIFY") != "" {
		conf.CertPath = env("DOCKER_CERT_PATH")
	}
	conf.SSH = sshConfig(env)
	eng, err := docker.New(conf)
	if err != nil {
		return wrapper.Deps{}, &cause.Error{Cause: cause.Usage, Hint: "is DOCKER_HOST right?", Err: err}
	}
	return wrapper.Deps{
		Engine: eng, Self: func(ctx context.Context) (*engine.Self, error) { return findSelf(ctx, eng) },
		Transfer: ferrysync.New(ferrysync.Config{}), Open: newOpener(), Log: log,
		Stdout: w.stdout, Stderr: w.stderr, Version: version,
	}, nil
}

// findSelf inspects the container this process runs in; nil where it runs on a host.
func findSelf(ctx context.Context, eng *docker.Engine) (*engine.Self, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, nil // no Linux, so no container
	}
	defer f.Close()
	id := docker.OwnID(f)
	if id == "" {
		return nil, nil
	}
	self, err := eng.Self(ctx, id)
	if err != nil {
		return nil, err
	}
	return &self, nil
}
