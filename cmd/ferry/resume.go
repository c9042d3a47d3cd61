package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
)

func resumeCommand(w world) *cli.Command {
	return &cli.Command{
		Name:  "resume",
		Usage: "send the results that this node keeps because the store did not take them",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "local-prefix", Value: "/local", Usage: "`DIR` where jobs stand on this node", EnvVars: []string{"FERRY_LOCAL_PREFIX", "GP_LOCAL_PREFIX"}},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cause.Fail(cause.Usage, "ferry resume --help lists the flags", "resume takes no argument: %q", c.Args().First())
			}
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return resume(c.Context, w, c.String("local-prefix"), c.Bool("json"), log)
		},
	}
}

// resume sends all that is kept below a local prefix. What is left is a failure, with the cause of results that are not stored.
func resume(ctx context.Context, w world, prefix string, asJSON bool, log zerolog.Logger) error {
	deps, err := storeDeps(w, nil, log)
	if err != nil {
		return err
	}
	all, err := wrapper.Resume(ctx, prefix, deps.Reopen, deps.Transfer, log)
	if err != nil {
		return err
	}
	if err := node.EmptyTrash(ctx, prefix); err != nil {
		log.Warn().Err(err).Msg("removing what was sent")
	}
	if asJSON {
		if all == nil {
			all = []wrapper.Resumed{}
		}
		enc := json.NewEncoder(w.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(all); err != nil {
			return err
		}
	}
	left := 0
	for _, r := range all {
		if !r.Sent {
			left++
		}
		switch {
		case asJSON:
		case r.Sent:
			fmt.Fprintf(w.stdout, "sent  job %q, attempt %d: %d files\n", r.Job, r.Attempt, r.Files)
		default:
			fmt.Fprintf(w.stdout, "LEFT  job %q, attempt %d, in %s: %s\n", r.Job, r.Attempt, r.Place, oneLine(r.Why))
		}
	}
	if left > 0 {
		return cause.Fail(cause.StageOut, "try again once the store takes them", "%d of %d jobs' results are still on this node only", left, len(all))
	}
	if len(all) == 0 && !asJSON {
		fmt.Fprintln(w.stdout, "nothing is kept here")
	}
	return nil
}
