package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/visible"
	"github.com/genepattern/ferry/sync/store/stores"
)

// version is set by the linker.
var version = "dev"

// world is what the program sees of the process it runs in, so that tests can give it another.
type world struct {
	stdout, stderr io.Writer
	lookup         func(string) (string, bool)
	environ        []string
	signals        chan os.Signal // those that stop a job, caught from the first line on; nil for every command but `ferry run`
	shared         *shared        // what jobs of this process have in common; nil where it runs one
	legacy         []string       // the arguments of runS3OnBatch.sh, nil where ferry was not called by that name
}

func process() world {
	return world{stdout: os.Stdout, stderr: os.Stderr, lookup: os.LookupEnv, environ: os.Environ()}
}

// exitError is an exit code that was reported already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the program: it returns the code to exit with.
func run(ctx context.Context, args []string, w world) int {
	if len(args) > 0 {
		args = byName(args, &w)
	}
	if runsJob(args) {
		w.signals = listen()
	}
	app := newApp(w)
	return codeOf(w, app.RunContext(ctx, orderArgs(app, args)))
}

// codeOf is the code to exit with. An error that has not been reported is.
func codeOf(w world, err error) int {
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	report(w.stderr, err)
	return cause.Of(asUsage(err)).Code()
}

// report prints an error the way all commands do: one line, and a hint where there is one.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "ferry: %s\n", oneLine(err.Error()))
	if h := cause.HintOf(err); h != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(h))
	}
}

// oneLine keeps a message of several lines, such as joined errors, on one. What a terminal would obey is written out: a message may have
// the words of a server, a module or another user.
func oneLine(s string) string {
	return visible.Text(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}

// asUsage makes an error that no command gave a cause the command line's fault: what is left are the CLI library's own.
func asUsage(err error) error {
	if cause.Is(err) {
		return err
	}
	return &cause.Error{Cause: cause.Usage, Err: err}
}

// newApp is the command line. The library's types end in each command's action, which hands plain values on.
func newApp(w world) *cli.App {
	app := &cli.App{
		Name:                      "ferry",
		Usage:                     "carries a module's data from object storage to its container and back",
		Version:                   version,
		Writer:                    w.stdout,
		ErrWriter:                 w.stderr,
		HideVersion:               true,
		EnableBashCompletion:      true,
		DisableSliceFlagSeparator: true,
		// The library would call os.Exit by itself.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return err },
		Flags:          logFlags(),
		Commands: []*cli.Command{
			runCommand(w),
			stageInCommand(w),
			execCommand(w),
			stageOutCommand(w),
			resumeCommand(w),
			submitCommand(w),
			statusCommand(w),
			logsCommand(w),
			fetchCommand(w),
			cancelCommand(w),
			jobsCommand(w),
			moduleCommand(w),
			syncCommand(stores.All),
			cpCommand(stores.All),
			commitCommand(w), pullCommand(w),
			jobdefCommand(w),
			doctorCommand(w),
			completionCommand(w),
			versionCommand(w),
			removeCommand(),
			serveCommand(w),
			reachCommand(w),
		},
		Description: exitCodesHelp(),
	}
	app.Action = func(c *cli.Context) error {
		if c.Args().Present() {
			return cause.Fail(cause.Usage, "ferry --help lists the commands", "no such command: %q", c.Args().First())
		}
		return cli.ShowAppHelp(c)
	}
	for _, c := range app.Commands {
		c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
			return &cause.Error{Cause: cause.Usage, Hint: fmt.Sprintf("ferry %s --help", c.Name), Err: err}
		}
	}
	return app
}

func versionCommand(w world) *cli.Command {
	return &cli.Command{Name: "version", Usage: "print ferry's version", Action: func(*cli.Context) error {
		_, err := fmt.Fprintf(w.stdout, "ferry %s\n", version)
		return err
	}}
}

func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes of `ferry run`; the module's own passes through, and run.json names the cause:\n")
	for _, e := range cause.ExitCodes {
		fmt.Fprintf(&b, "  %3d %-12s %s\n", e.Code, e.Cause, e.Meaning)
	}
	return strings.TrimSpace(b.String())
}
