package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/engines"
)

func commitCommand(w world) *cli.Command {
	return &cli.Command{
		Name:      "commit",
		Usage:     "freeze a container as an image and push it",
		ArgsUsage: "CONTAINER --to NAME",
		Description: "The image is the container's base image with the module's directories copied in, or where ferry did not make the\n" +
			"container with all that was added or changed in it, and has the base image's own configuration. NAME is a\n" +
			"repository of the account's own ECR, auto, or a full reference; with Apptainer a .sif file. One that exists is left alone. See docs/freeze.md.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "engine", Usage: "what the container is of: " + strings.Join(engines.Names(), ", ") + "; by default the one that answers", EnvVars: []string{"FERRY_ENGINE"}},
			&cli.StringFlag{Name: "to", Usage: "`NAME` of the image", EnvVars: []string{"FERRY_TO"}},
			&cli.StringSliceFlag{Name: "dir", Usage: "copy this `DIR` of the container and nothing else (repeatable)"},
			&cli.BoolFlag{Name: "no-push", Usage: "commit, and ask no registry"},
			&cli.StringFlag{Name: "module-name", Usage: "the module's `NAME`", EnvVars: []string{"FERRY_MODULE_NAME", "GP_MODULE_NAME"}},
			&cli.StringFlag{Name: "module-lsid", Usage: "the module's `LSID`", EnvVars: []string{"FERRY_MODULE_LSID", "GP_MODULE_LSID"}},
			&cli.StringFlag{Name: "registry", Usage: "`HOST` of the registry that the next two are for; default: that of NAME", EnvVars: []string{"FERRY_REGISTRY"}},
			&cli.StringFlag{Name: "registry-user", Usage: "`USER` there", EnvVars: []string{"FERRY_REGISTRY_USER"}},
			&cli.StringFlag{Name: "registry-password-file", Usage: "`FILE` with the password", EnvVars: []string{"FERRY_REGISTRY_PASSWORD_FILE"}},
			&cli.BoolFlag{Name: "json", Usage: "print what was made as JSON"},
		},
		Action: func(c *cli.Context) error {
			container, err := containerArg(c)
			if err != nil {
				return err
			}
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return commitContainer(c.Context, w, commitArgs{
				engine: c.String("engine"), container: container, dirs: c.StringSlice("dir"), json: c.Bool("json"),
				login: registryLogin{host: cmp.Or(c.String("registry"), hostOf(c.String("to"))), user: c.String("registry-user"), passwordFile: c.String("registry-password-file")},
				request: commit.Request{
					Name: c.String("to"), Local: c.Bool("no-push"),
					Module: commit.Module{Name: c.String("module-name"), LSID: c.String("module-lsid")},
				},
			}, log)
		},
	}
}

// commitArgs are the arguments of `ferry commit`.
type commitArgs struct {
	engine    string
	container string
	dirs      []string // of the container; none for what changed in it
	login     registryLogin
	request   commit.Request
	json      bool
}

func commitContainer(ctx context.Context, w world, a commitArgs, log zerolog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	name := cmp.Or(a.engine, engines.Detect(engineHost(w)))
	eng, err := openEngine(w, name)
	if err != nil {
		return err
	}
	login, home, err := newLogins(w, a.login, log)
	if err != nil {
		return err
	}
	f, ok := newFreezer(w, eng, login, home, log)
	if !ok {
		return cause.Fail(cause.Usage, "", "this engine makes no images")
	}
	out, err := f.Container(ctx, a.container, a.request, a.dirs)
	if a.json {
		enc := json.NewEncoder(w.stdout)
		enc.SetIndent("", "  ")
		err = errors.Join(err, enc.Encode(out))
	} else if err == nil {
		printFrozen(w.stdout, out)
	}
	return freezeCause(ctx, err)
}

// containerArg finds the container among the arguments. Flags may stand behind it, where the library does not look.
func containerArg(c *cli.Context) (string, error) {
	args := c.Args().Slice()
	if len(args) == 0 {
		return "", cause.Fail(cause.Usage, "ferry commit CONTAINER --to NAME", "which container is to be committed?")
	}
	for rest := args[1:]; len(rest) > 0; {
		name, value, has := strings.Cut(strings.TrimLeft(rest[0], "-"), "=")
		known := strings.HasPrefix(rest[0], "-")
		rest = rest[1:]
		if _, isBool := boolFlag(c, name); known && isBool && !has {
			value, has = "true", true
		}
		if known && !has && len(rest) > 0 {
			value, has, rest = rest[0], true, rest[1:]
		}
		if !known || !has || c.Set(name, value) != nil {
			return "", cause.Fail(cause.Usage, "ferry commit --help lists the flags", "commit: %q is not understood", name)
		}
	}
	if c.String("to") == "" {
		return "", cause.Fail(cause.Usage, "such as --to auto, or --to registry.example.org/lab/module:1", "--to is missing (or FERRY_TO)")
	}
	return args[0], nil
}

func boolFlag(c *cli.Context, name string) (*cli.BoolFlag, bool) {
	for _, f := range c.Command.Flags {
		if b, ok := f.(*cli.BoolFlag); ok && b.Name == name {
			return b, true
		}
	}
	return nil, false
}

// logLines writes lines to the log.
type logLines struct{ log zerolog.Logger }

func (l logLines) Write(p []byte) (int, error) {
	l.log.Info().Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}

func printFrozen(w io.Writer, f commit.Frozen) {
	switch f.Outcome {
	case commit.OutcomeExists:
		fmt.Fprintf(w, "%s exists and was left alone\n", f.Reference)
	case commit.OutcomeCommitted:
		fmt.Fprintf(w, "%s\n", f.Reference)
	default:
		fmt.Fprintf(w, "%s@%s\n", f.Reference, f.Digest)
	}
}

// freezeCause gives the error of a freeze its cause and, where the reader can act, a hint.
func freezeCause(ctx context.Context, err error) error {
	if errors.Is(err, engine.ErrNoContainer) && ctx.Err() == nil {
		return &cause.Error{Cause: cause.Usage, Hint: "docker ps -a lists the containers, with Apptainer run.json names it; a job keeps its own with --keep", Err: err}
	}
	return cause.Name(ctx, cause.Image, "", err)
}
