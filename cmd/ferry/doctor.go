package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/commit/ecr"
	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper"
)

func doctorCommand(w world) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check what a job needs of this node: engine, network, host path, store, disk, clock, orphans",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "remote", Usage: "remote root to check, `URL`", EnvVars: []string{"FERRY_REMOTE", "AWS_S3_PREFIX", "S3_ROOT", "GP_S3_ROOT"}},
			&cli.StringFlag{Name: "local-prefix", Value: "/local", Usage: "`DIR` where jobs stand on this node", EnvVars: []string{"FERRY_LOCAL_PREFIX", "GP_LOCAL_PREFIX"}},
			&cli.StringFlag{Name: "engine", Usage: "check `ENGINE`: " + strings.Join(engines.Names(), ", ") + "; by default the one that answers", EnvVars: []string{"FERRY_ENGINE"}},
			&cli.StringFlag{Name: "network", Value: job.NetworkOwn, Usage: "the modules' network, `NET`", EnvVars: []string{"FERRY_NETWORK"}},
			&cli.StringSliceFlag{Name: "service", Hidden: true, Usage: "`HOST:PORT` that modules should not reach, in place of clouds' metadata services"},
			&cli.DurationFlag{Name: "upload-age", Value: wrapper.DefaultUploadAge, Usage: "look for uploads below the remote root that were never ended and to which nothing came for `TIME`; in a directory, for .ferry-part-* files"},
			&cli.BoolFlag{Name: "abort-uploads", Usage: "abort those uploads: what was sent of them is removed"},
			&cli.BoolFlag{Name: "ecr", Usage: "check the account's ECR also where a custom endpoint is set or the remote root is not in S3"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: func(c *cli.Context) error {
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			return doctor(c.Context, w, doctorArgs{engine: c.String("engine"), ecr: c.Bool("ecr"), json: c.Bool("json"),
				place: wrapper.Place{Remote: c.String("remote"), LocalPrefix: c.String("local-prefix"), Network: c.String("network"), Services: c.StringSlice("service"),
					Uploads: wrapper.Uploads{Age: c.Duration("upload-age"), Abort: c.Bool("abort-uploads")}}}, log)
		},
	}
}

// doctorArgs are the arguments of `ferry doctor`.
type doctorArgs struct {
	engine    string // "" for the one that answers
	place     wrapper.Place
	ecr, json bool
}

func doctor(ctx context.Context, w world, a doctorArgs, log zerolog.Logger) error {
	deps, err := nodeDeps(w, cmp.Or(a.engine, engines.Detect(engineHost(w))), log)
	if err != nil {
		return err
	}
	checks := wrapper.Doctor(ctx, a.place, deps, awsChecks(w, a.place.Remote, a.ecr)...)
	if a.json {
		enc := json.NewEncoder(w.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(checks); err != nil {
			return err
		}
	} else {
		printChecks(w, checks)
	}
	if slices.ContainsFunc(checks, func(k wrapper.Check) bool { return !k.OK }) {
		return exitError(1)
	}
	return nil
}

// awsChecks are those of the AWS account: that there are credentials, and that its ECR gives a login, which freezing and
// private images need.
func awsChecks(w world, remote string, askECR bool) []func(context.Context) wrapper.Check {
	inS3 := strings.HasPrefix(remote, "s3://")
	endpoint, _ := w.lookup("AWS_ENDPOINT_URL")
	var checks []func(context.Context) wrapper.Check
	if inS3 || askECR {
		checks = append(checks, w.checkCredentials)
	}
	if askECR || inS3 && endpoint == "" {
		return append(checks, w.checkECR)
	}
	return append(checks, func(context.Context) wrapper.Check {
		return wrapper.Check{Name: "ecr", OK: true, Detail: "not looked at; --ecr does"}
	})
}

func (w world) checkCredentials(ctx context.Context) wrapper.Check {
	conf, err := awsConfig(w)
	if err == nil && conf.Credentials != nil {
		var c aws.Credentials
		if c, err = conf.Credentials.Retrieve(ctx); err == nil {
			return wrapper.Check{Name: "credentials", OK: true, Detail: "from " + c.Source}
		}
	}
	if err == nil {
		err = errors.New("there are none")
	}
	return wrapper.Check{Name: "credentials", Detail: err.Error(),
		Hint: "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the job a role"}
}

func (w world) checkECR(ctx context.Context) wrapper.Check {
	client := &ecr.Client{Load: func(context.Context) (aws.Config, error) { return awsConfig(w) }}
	host, err := client.Home(ctx)
	if err != nil {
		return wrapper.Check{Name: "ecr", Detail: err.Error(), Hint: "only freezing and images in ECR need it; `ferry jobdef --iam` prints the policy"}
	}
	return wrapper.Check{Name: "ecr", OK: true, Detail: host}
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
