package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// syncCommand makes `ferry sync`. It reads its arguments by itself, because the library stops at the first path and
// loses the order of --exclude and --include.
func syncCommand(kinds stores.Registry) *cli.Command {
	return transferCommand(kinds, syncOptions(kinds), runSync, &cli.Command{
		Name:  "sync",
		Usage: "make a directory and a place in a store alike, as `aws s3 sync` does",
		Description: "SRC, DST or both are " + kinds.Forms() + "; the other is a local directory. Options may stand\n" +
			"anywhere. Of the --exclude and --include that match a path, the last one counts; * matches slashes too.",
	})
}

// transferCommand makes a command of the options that it takes and of what it does.
func transferCommand(kinds stores.Registry, options []syncOption, run func(context.Context, syncArgs, stores.Registry, io.Writer, io.Writer) error, c *cli.Command) *cli.Command {
	c.ArgsUsage, c.Flags = "SRC DST", syncFlags(options)
	c.SkipFlagParsing, c.HideHelpCommand = true, true
	c.Action = func(c *cli.Context) error {
		a, err := parseSync(c.Args().Slice(), options)
		if err != nil {
			return &cause.Error{Cause: cause.Usage, Hint: "ferry " + c.Command.Name + " --help", Err: err}
		}
		if a.help {
			return cli.ShowSubcommandHelp(c)
		}
		a.debug = a.debug || c.String("log-level") == "debug"
		// What lives at once is bounded, and little; collecting it earlier costs next to nothing and keeps the peak low.
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
		ctx, stop := interruptible(c.Context)
		defer stop()
		return run(ctx, a, kinds, c.App.Writer, c.App.ErrWriter)
	}
	return c
}

// runSync does what the arguments ask for.
func runSync(ctx context.Context, a syncArgs, kinds stores.Registry, stdout, stderr io.Writer) error {
	if a.way() == between {
		return runBetween(ctx, a, kinds, stdout, stderr)
	}
	remote, local, down := a.direction()
	if err := kinds.CheckFor(remote, a.needs(down)); err != nil {
		return err
	}
	opener, err := kinds.Opener(a.settings, os.LookupEnv)
	if err != nil {
		return err
	}
	defer func() { _ = opener.Close() }() // nothing of it is in use any more
	st, prefix, err := opener.Open(ctx, remote)
	if err != nil {
		return err
	}
	root, err := a.openLocal(local, down)
	if err != nil {
		return err
	}
	defer root.Close()

	r := newSyncReport(a, st, local, down, stdout, stderr)
	a.options.Event, a.options.Progress = r.event, &r.progress
	e := ferrysync.New(ferrysync.Config{MaxTransfers: a.transfers})
	var s ferrysync.Stats
	if down {
		s, err = e.Down(ctx, st, prefix, root, a.options)
	} else {
		s, err = e.Up(ctx, root, st, prefix, a.options)
	}
	r.close(s, err)
	return syncError(ctx, s, err, down)
}

// gcPercent lets the heap grow by a third over what is in use, instead of to twice as much. What is in use are buffers, which
// cost the collector nothing.
const gcPercent = 30

// direction tells the store from the local directory. Of two local directories the source is the store.
func (a syncArgs) direction() (remote, local string, down bool) {
	if strings.Contains(a.dst, "://") {
		return a.dst, a.src, false
	}
	if !strings.Contains(a.src, "://") {
		abs, err := filepath.Abs(a.src)
		if err != nil {
			abs = a.src
		}
		return abs, a.dst, true
	}
	return a.src, a.dst, true
}

// needs are what the store must be able to do.
func (a syncArgs) needs(down bool) store.Abilities {
	return store.Abilities{List: true, Write: !down, Delete: !down && a.options.Delete}
}

// openLocal opens the local directory, which a download makes.
func (a syncArgs) openLocal(local string, down bool) (*os.Root, error) {
	if down && !a.options.DryRun {
		if err := os.MkdirAll(local, 0o777); errors.Is(err, syscall.ENOTDIR) {
			return nil, syncFailure(true, fmt.Errorf("%q is or leads through a file where a directory must be", local))
		} else if err != nil {
			return nil, syncFailure(true, fmt.Errorf("making directory %q: %w", local, pathless(err)))
		}
	}
	if info, err := os.Stat(local); err == nil && !info.IsDir() {
		return nil, cause.Fail(cause.Usage, `for one file: its directory, and --exclude "*" --include NAME`, "%q is no directory", local)
	}
	root, err := os.OpenRoot(local)
	switch {
	case errors.Is(err, os.ErrNotExist) && down: // of a dry run: everything is missing in an empty directory
		return emptyRoot()
	case errors.Is(err, os.ErrNotExist):
		return nil, cause.Fail(cause.Usage, "", "there is no directory %q", local)
	case err != nil:
		return nil, syncFailure(down, fmt.Errorf("opening directory %q: %w", local, pathless(err)))
	}
	return root, nil
}

// emptyRoot is an empty directory that is gone already, but for its handle.
func emptyRoot() (*os.Root, error) {
	dir, err := os.MkdirTemp("", "ferry-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(dir)
	return os.OpenRoot(dir)
}

// pathless is err without the path that the message names already.
func pathless(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// interruptible is cancelled by the first signal to stop; a second one ends the process at once, unless it is the same key's.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case sig := <-signals:
			cancel(cause.Fail(cause.Interrupted, "run it again to go on", "interrupted (%v)", sig))
			time.Sleep(sameKey)
			signal.Stop(signals)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// stageOf is the cause of a transfer's failure where nothing says it better: the direction's.
func stageOf(down bool) cause.Cause {
	if down {
		return cause.StageIn
	}
	return cause.StageOut
}

func syncFailure(down bool, err error) error {
	return cause.Name(context.Background(), stageOf(down), "", err)
}

// syncError gives the outcome its cause. Files that failed or were refused have had their lines.
func syncError(ctx context.Context, s ferrysync.Stats, err error, down bool) error {
	if err == nil && s.Refused == 0 {
		if s.Warned > 0 {
			return exitError(exitWarned)
		}
		return nil
	}
	if s.Failed == 0 && s.Refused > 0 && (err == nil || errors.Is(err, ferrysync.ErrRefused)) {
		return cause.Fail(cause.Refused, "", "%s refused", plural(s.Refused, "path was", "paths were"))
	}
	named := cause.Name(ctx, stageOf(down), "", err)
	if s.Failed > 0 && ferrysync.IsPerFile(err) && ctx.Err() == nil {
		return &cause.Error{Cause: cause.Of(named), Hint: cause.HintOf(named), Err: fmt.Errorf("%s failed", plural(s.Failed, "transfer", "transfers"))}
	}
	return named
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
