package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/visible"
	"github.com/genepattern/ferry/submit"
)

// asked is whom a command asks about a job, on a terminal with a bar.
type asked struct {
	whom   *submit.Client
	endBar func() // before anything is printed
}

// asking makes a command that asks about a submitted job.
func asking(w world, cmd cli.Command, act func(context.Context, *cli.Context, asked, string) error) *cli.Command {
	cmd.ArgsUsage = "ID|HANDLE" + cmd.ArgsUsage
	for _, o := range vocabulary().Stores {
		if o.Arg == "" {
			cmd.Flags = append(cmd.Flags, &cli.BoolFlag{Name: o.Name, Usage: o.Usage, Hidden: o.Hidden})
			continue
		}
		cmd.Flags = append(cmd.Flags, &cli.StringFlag{Name: o.Name, Usage: o.Usage, Hidden: o.Hidden})
	}
	cmd.Action = func(c *cli.Context) error {
		log, err := newLog(c.String("log-format"), c.String("log-level"), w)
		if err != nil {
			return err
		}
		if err := countArgs(cmd.Name, c.Args().Slice()); err != nil {
			return err
		}
		settings := storeSettings(flagSettings(c))
		client, tell, err := newClient(w, settings, log)
		if err != nil {
			return err
		}
		endBar := tell.transfer()
		defer endBar()
		return act(c.Context, c, asked{client, endBar}, c.Args().First())
	}
	return &cmd
}

// countArgs refuses too few and too many arguments.
func countArgs(name string, args []string) error {
	least, most := 1, 1
	switch name {
	case "jobs":
		least, most = 0, 0
	case "fetch":
		most = 2
	}
	switch {
	case len(args) < least || least > 0 && args[0] == "":
		return cause.Fail(cause.Usage, "ferry jobs lists the ids", "ferry %s: which job?", name)
	case len(args) > most:
		return cause.Fail(cause.Usage, "ferry "+name+" --help", "ferry %s: too many arguments: %q", name, args[most])
	}
	return nil
}

func statusCommand(w world) *cli.Command {
	return asking(w, cli.Command{Name: "status", Usage: "tell how far a submitted job is", Flags: []cli.Flag{jsonFlag()}},
		func(ctx context.Context, c *cli.Context, client asked, ref string) error {
			st, err := client.whom.Status(ctx, ref)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(w.stdout, st)
			}
			return printStatus(w.stdout, st)
		})
}

func cancelCommand(w world) *cli.Command {
	return asking(w, cli.Command{Name: "cancel", Usage: "end a submitted job; what it has made is kept", Flags: []cli.Flag{jsonFlag()}},
		func(ctx context.Context, c *cli.Context, client asked, ref string) error {
			st, err := client.whom.Cancel(ctx, ref)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(w.stdout, st)
			}
			return printStatus(w.stdout, st)
		})
}

func logsCommand(w world) *cli.Command {
	return asking(w, cli.Command{Name: "logs", Usage: "show a submitted job's output", Flags: []cli.Flag{
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "until the job has ended"},
		&cli.BoolFlag{Name: "ferry", Usage: "what ferry itself said"},
		&cli.IntFlag{Name: "child", Value: -1, Usage: "only child `N` of an array"},
		&cli.StringFlag{Name: "only", Usage: "`failed`: only the children that failed"},
		&cli.IntFlag{Name: "tail", Usage: "only the last `N` lines of stdout and of stderr to begin with"},
	}}, func(ctx context.Context, c *cli.Context, client asked, ref string) error {
		if err := onlyFailed(c.String("only")); err != nil {
			return err
		}
		if c.Int("tail") < 0 {
			return cause.Fail(cause.Usage, "", "--tail: a negative number")
		}
		ctx, stop := interruptible(ctx)
		defer stop()
		return client.whom.Logs(ctx, submit.Logs{Ref: ref, Follow: c.Bool("follow"), OnlyFailed: c.String("only") != "", Child: c.Int("child"), Ferry: c.Bool("ferry"), Tail: c.Int("tail"), Stdout: foreign(w.stdout), Stderr: foreign(w.stderr)})
	})
}

// foreign is where the words of a module go. A terminal would obey some of them; a file or another program gets the bytes as they are.
func foreign(w io.Writer) io.Writer {
	if terminal(w) {
		return &visible.Writer{W: w}
	}
	return w
}

func onlyFailed(v string) error {
	if v != "" && v != "failed" {
		return cause.Fail(cause.Usage, "", "--only: %q is not \"failed\"", v)
	}
	return nil
}

func fetchCommand(w world) *cli.Command {
	return asking(w, cli.Command{Name: "fetch", Usage: "bring a submitted job's results to its working dir here, or to DIR", ArgsUsage: " [DIR]", Flags: []cli.Flag{
		jsonFlag(),
		&cli.StringFlag{Name: "only", Usage: "`failed`: only the children that failed"},
	}}, func(ctx context.Context, c *cli.Context, client asked, ref string) error {
		if err := onlyFailed(c.String("only")); err != nil {
			return err
		}
		ctx, stop := interruptible(ctx)
		defer stop()
		got, err := client.whom.Fetch(ctx, submit.Fetch{Ref: ref, Dir: c.Args().Get(1), OnlyFailed: c.String("only") != "", Describe: describer(w)})
		client.endBar()
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return printJSON(w.stdout, got)
		}
		_, err = fmt.Fprintf(w.stdout, "%s: %s, %s; %d unchanged\n", got.Dir, plural(got.Files, "file", "files"), size(got.Bytes), got.Unchanged)
		return err
	})
}

func jobsCommand(w world) *cli.Command {
	cmd := asking(w, cli.Command{Name: "jobs", Usage: "list the jobs submitted on this machine, or those below a remote root", Flags: []cli.Flag{
		jsonFlag(),
		&cli.StringFlag{Name: "remote", Usage: "remote root, `URL`"},
		&cli.IntFlag{Name: "last", Value: 20, Usage: "at most `N`, the latest first; 0 for all"},
	}}, func(ctx context.Context, c *cli.Context, client asked, _ string) error {
		all, err := client.whom.Jobs(ctx, c.String("remote"), c.Int("last"))
		if err != nil {
			return err
		}
		if c.Bool("json") {
			for _, st := range all {
				if err := printJSON(w.stdout, st); err != nil {
					return err
				}
			}
			return nil
		}
		return printJobs(w.stdout, all)
	})
	cmd.ArgsUsage = " "
	return cmd
}

func printJobs(out io.Writer, all []submit.Status) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSTATE\tTARGET\tSUBMITTED\tHANDLE")
	for _, st := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", st.ID, st.State, oneLine(st.Target), st.Submitted.Local().Format(time.DateTime), oneLine(st.Handle))
	}
	return t.Flush()
}

// rangesMax is how many ranges of children are shown to people.
const rangesMax = 20

// ranges are ascending indices for people: 0-3, 7.
func ranges(all []int) string {
	var parts []string
	for i, k := 0, 0; i < len(all); i = k {
		for k = i + 1; k < len(all) && all[k] == all[k-1]+1; k++ {
		}
		if len(parts) == rangesMax {
			return strings.Join(parts, ", ") + fmt.Sprintf(" and %d more", len(all)-i)
		}
		if k-i > 1 {
			parts = append(parts, fmt.Sprintf("%d-%d", all[i], all[k-1]))
		} else {
			parts = append(parts, strconv.Itoa(all[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// printStatus tells of a job in a few lines.
func printStatus(out io.Writer, st submit.Status) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	line("job", "%s", st.ID)
	line("handle", "%s", st.Handle)
	line("target", "%s", st.Target)
	line("state", "%s", st.State)
	if st.Children != nil {
		line("children", "%s", childCounts(st))
	}
	if len(st.Failed) > 0 {
		line("failed", "%s", ranges(st.Failed))
	}
	if st.ExitCode != nil {
		line("exit code", "%d", *st.ExitCode)
	}
	for _, f := range []struct{ name, text string }{
		{"cause", string(st.Cause)}, {"message", st.Message}, {"hint", st.Hint}, {"ran on", st.Place}, {"memory", st.Suggestion},
	} {
		if f.text != "" {
			line(f.name, "%s", f.text)
		}
	}
	line("submitted", "%s", st.Submitted.Local().Format(time.DateTime))
	if st.Started != nil {
		line("started", "%s", st.Started.Local().Format(time.DateTime))
	}
	if st.Ended != nil {
		line("ended", "%s", st.Ended.Local().Format(time.DateTime))
	}
	if st.Attempts > 1 {
		line("attempts", "%d", st.Attempts)
	}
	if st.Reclaims > 0 {
		line("reclaims", "%d: the spot instance was taken away", st.Reclaims)
	}
	return t.Flush()
}
