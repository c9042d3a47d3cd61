package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/scheduler/batch"
)

// forBatch is the platform where ferry has the engine's socket, and the module's container is beside its own.
const forBatch = "batch"

// behindDashes are the options of `ferry run` behind --.
func behindDashes(c *cli.Context) ([]string, error) {
	args := c.Args().Slice()
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		return nil, cause.Fail(cause.Usage, "options of ferry run stand behind --", "jobdef takes no argument: %q", args[0])
	}
	return args, nil
}

// definitionInput is what the flags of `ferry jobdef` say.
func definitionInput(c *cli.Context) platform.Input {
	return platform.Input{
		Name: c.String("name"), Image: c.String("image"), Env: c.StringSlice("env"), Attempts: c.Int("attempts"), Role: c.String("role"),
		Secret: c.String("secret"), ServiceAccount: c.String("service-account"), Claim: c.String("claim"), Parts: c.String("parts"),
		TransferNetwork: c.String("transfer-network"),
	}
}

// printDefinition prints the definition of a job in three containers.
func printDefinition(w world, name string, in platform.Input, options []string) error {
	p, err := platform.Of(name)
	if err != nil || name == platform.Unknown {
		return cause.Fail(cause.Usage, "", "--for: there is no %q: %s, %v", name, forBatch, platform.Names())
	}
	if in.Job, err = describeOptions(options); err != nil {
		return err
	}
	in.Options = options
	text, err := p.Define(in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(w.stdout, text)
	return err
}

// sharedVolumes are the shared file systems of a job in place. Each of its directories is on one.
func sharedVolumes(c *cli.Context, options []string) ([]batch.Shared, error) {
	shared, err := batch.ParseShared(c.StringSlice("efs"), c.StringSlice("lustre"), c.StringSlice("s3files"))
	if err != nil || len(options) == 0 && len(shared) == 0 {
		return nil, err
	}
	j, err := describeOptions(options)
	if err != nil {
		return nil, err
	}
	if !j.Dirs.InPlace {
		if len(shared) > 0 {
			return nil, cause.Fail(cause.Usage, "give --in-place", "--efs, --lustre and --s3files are for jobs in place")
		}
		return nil, nil
	}
	return shared, batch.CheckShared(shared, j.Transferred())
}

// describeOptions is the job that options of `ferry run` describe by themselves. What they take from ferry's environment is there where
// the job runs.
func describeOptions(options []string) (j job.Job, err error) {
	var given job.Settings
	app := &cli.App{Name: "ferry", DisableSliceFlagSeparator: true, HideHelp: true, ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return err }, Flags: runFlags(), Action: func(c *cli.Context) error {
			for _, f := range []string{"job", "handle", "child", "watch-spot", "dry-run"} {
				if c.IsSet(f) {
					return fmt.Errorf("--%s cannot be in a definition", f)
				}
			}
			if c.Args().Present() {
				return fmt.Errorf("not an option of ferry run: %q", c.Args().First())
			}
			given = flagSettings(c)
			return nil
		}}
	if err := app.Run(append([]string{"ferry"}, options...)); err != nil {
		return j, &cause.Error{Cause: cause.Usage, Hint: "ferry run --help lists the options", Err: err}
	}
	j, err = vocabulary().Describe(given, func(string) (string, bool) { return "", true })
	return j, err
}
