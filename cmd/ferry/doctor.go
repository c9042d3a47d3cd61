package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/wrapper"
)

func doctorCommand(w world) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check what a job needs of this node: engine, host path, store, disk, clock, orphans",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "remote", Usage: "remote root to check, `URL`", EnvVars: []string{"FERRY_REMOTE", "AWS_S3_PREFIX", "S3_ROOT", "GP_S3_ROOT"}},
			&cli.StringFlag{Name: "local-prefix", Value: "/local", Usage: "`DIR` where jobs stand on this node", EnvVars: []string{"FERRY_LOCAL_PREFIX", "GP_LOCAL_PREFIX"}},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: func(c *cli.Context) error { return doctor(c, w) },
	}
}

func doctor(c *cli.Context, w world) error {
	log, err := newLog(c, w)
	if err != nil {
		return err
	}
	deps, err := newDeps(w, log)
	if err != nil {
		return err
	}
	checks := wrapper.Doctor(c.Context, c.String("remote"), c.String("local-prefix"), deps)
	failed := false
	for _, k := range checks {
		failed = failed || !k.OK
	}
	if c.Bool("json") {
		enc := json.NewEncoder(w.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(checks); err != nil {
			return err
		}
	} else {
		printChecks(w, checks)
	}
	if failed {
		return exitError(1)
	}
	return nil
}

func printChecks(w world, checks []wrapper.Check) {
	for _, k := range checks {
		mark := "ok  "
		if !k.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(w.stdout, "%s  %-15s %s\n", mark, k.Name, oneLine(k.Detail))
		if k.Hint != "" {
			fmt.Fprintf(w.stdout, "      %-15s %s\n", "", k.Hint)
		}
	}
}
