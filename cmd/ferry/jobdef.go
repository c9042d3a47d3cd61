package main

import (
	"encoding/json"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/scheduler/batch"
)

// jobdefCommand prints what AWS has to be told so that ferry can run there. It contacts nobody.
func jobdefCommand(w world) *cli.Command {
	return &cli.Command{
		Name:      "jobdef",
		Usage:     "print what AWS Batch, Kubernetes or Compose takes to run jobs, the policy that their role needs (--iam), or their bucket's lifecycle rule (--lifecycle)",
		ArgsUsage: "[-- OPTIONS OF ferry run]",
		Description: "Behind -- the job is described as for `ferry run`; --for batch without it prints a definition for jobs of a GenePattern server.\n" +
			"The output is for\n  aws batch register-job-definition --cli-input-json \"$(ferry jobdef --name NAME --image IMAGE)\"\n" +
			"or, with --iam, for\n  aws iam put-role-policy --policy-document \"$(ferry jobdef --iam --bucket BUCKET)\" …\n" +
			"or, with --lifecycle, for\n  aws s3api put-bucket-lifecycle-configuration --bucket BUCKET --lifecycle-configuration \"$(ferry jobdef --lifecycle)\"\n" +
			"which replaces all rules that the bucket has: add ferry's to them. It has S3 abort uploads in parts that were not ended within 7 days.",
		Flags: jobdefFlags(batch.DefaultDefinition(), batch.DefaultPolicy()),
		Action: func(c *cli.Context) error {
			options, err := behindDashes(c)
			if err != nil {
				return err
			}
			if c.Bool("in-place") {
				options = append([]string{"--in-place"}, options...)
			}
			if to := c.String("for"); to != forBatch {
				return printDefinition(w, to, definitionInput(c), options)
			}
			var v any
			switch {
			case c.Bool("lifecycle"):
				v = batch.NewLifecycle(c.String("prefix"))
			case c.Bool("iam"):
				v, err = batch.NewPolicy(batch.PolicyInput{
					Bucket: c.String("bucket"), Prefix: c.String("prefix"), Repositories: c.StringSlice("repository"),
					Freeze: c.Bool("freeze"), KMSKey: c.String("kms-key"), Partition: c.String("partition"), Account: c.String("account"), Region: c.String("region"),
				})
			default:
				shared, e := sharedVolumes(c, options)
				if e != nil {
					return e
				}
				v, err = batch.NewDefinition(batch.DefinitionInput{
					Name: c.String("name"), Image: c.String("image"), Role: c.String("role"), Positional: c.Bool("positional"),
					VCPUs: c.String("vcpus"), Memory: c.String("memory"), GPUs: c.String("gpus"),
					LocalPrefix: c.String("local-prefix"), DockerSocket: c.String("docker-socket"),
					Walltime: c.Duration("walltime"), Attempts: c.Int("attempts"), Env: c.StringSlice("env"), Options: options, Shared: shared,
				})
			}
			if err != nil {
				return err
			}
			out := json.NewEncoder(w.stdout)
			out.SetEscapeHTML(false)
			out.SetIndent("", "  ")
			return out.Encode(v)
		},
	}
}

func jobdefFlags(def batch.DefinitionInput, pol batch.PolicyInput) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "for", Value: forBatch, Usage: "`PLATFORM`: " + forBatch + ", " + strings.Join(platform.Names(), ", ")},
		&cli.StringFlag{Name: "name", Usage: "`NAME` of the job definition"},
		&cli.StringFlag{Name: "image", Usage: "`IMAGE` to start: the transfer image"},
		&cli.StringFlag{Name: "role", Usage: "`ARN` of the role that jobs run with"},
		&cli.BoolFlag{Name: "positional", Usage: "for a server that passes arguments (runS3OnBatch.sh) instead of variables"},
		&cli.StringFlag{Name: "vcpus", Value: def.VCPUs, Usage: "default `NUMBER` of vCPUs of a job"},
		&cli.StringFlag{Name: "memory", Value: def.Memory, Usage: "default memory of a job in `MIB`"},
		&cli.StringFlag{Name: "gpus", Usage: "`NUMBER` of GPUs of a job"},
		&cli.StringFlag{Name: "local-prefix", Value: def.LocalPrefix, Usage: "`DIR` of the node where jobs stand"},
		&cli.StringFlag{Name: "docker-socket", Value: def.DockerSocket, Usage: "`PATH` of the engine's socket on the node"},
		&cli.DurationFlag{Name: "walltime", Value: def.Walltime, Usage: "longest run `TIME` of a module; Batch's own limit is half an hour above it"},
		&cli.IntFlag{Name: "attempts", Value: def.Attempts, Usage: "`NUMBER` of attempts at a job that the node or a signal ended"},
		&cli.StringSliceFlag{Name: "env", Usage: "`NAME=VALUE` for ferry, such as FERRY_GRACE=20s; repeatable"},
		&cli.BoolFlag{Name: "in-place", Usage: "--for batch: the job's directories are on shared file systems, and nothing is staged"},
		&cli.StringSliceFlag{Name: "efs", Usage: "--in-place: `fs-ID[:/ROOT][@fsap-ID]=/PATH`, an EFS file system and where jobs have it; repeatable"},
		&cli.StringSliceFlag{Name: "lustre", Usage: "--in-place: `/NODEPATH=/PATH`, where the node has FSx for Lustre mounted, and where jobs have it; repeatable"},
		&cli.StringSliceFlag{Name: "s3files", Usage: "--in-place: `ARN[:/ROOT]=/PATH`, a bucket as a file system (S3 Files), and where jobs have it; repeatable"},
		&cli.StringFlag{Name: "parts", Usage: "`mount|link`: how the module gets its directories of the volume; by default as the platform does best"},
		&cli.StringFlag{Name: "secret", Usage: "--for kubernetes: `NAME` of a secret whose keys are variables of ferry's own containers"},
		&cli.StringFlag{Name: "service-account", Usage: "--for kubernetes: `NAME` of the account that the job runs with"},
		&cli.StringFlag{Name: "claim", Usage: "--for kubernetes: `NAME` of a volume claim for the job's files, in the place of the node's disk"},
		&cli.StringFlag{Name: "transfer-network", Usage: "--for compose: `NET` of ferry's own containers, such as host"},
		&cli.BoolFlag{Name: "iam", Usage: "print the policy instead"},
		&cli.BoolFlag{Name: "lifecycle", Usage: "print the bucket's lifecycle rule instead"},
		&cli.StringFlag{Name: "bucket", Usage: "--iam: the jobs' `BUCKET`"},
		&cli.StringFlag{Name: "prefix", Usage: "--iam, --lifecycle: the key `PREFIX` of the remote root; none for the whole bucket"},
		&cli.StringSliceFlag{Name: "repository", Usage: "--iam: an ECR `NAME` that module images come from, * at its end for all that begin so; repeatable"},
		&cli.BoolFlag{Name: "freeze", Usage: "--iam: also create those repositories and push to them, for --freeze"},
		&cli.StringFlag{Name: "kms-key", Usage: "--iam: `ARN` of the key that encrypts the bucket"},
		&cli.StringFlag{Name: "account", Usage: "--iam: `NUMBER` of the account that bucket and repositories are in; any without it"},
		&cli.StringFlag{Name: "region", Usage: "--iam: `NAME` of the repositories' region; any without it"},
		&cli.StringFlag{Name: "partition", Value: pol.Partition, Usage: "--iam: `NAME` of the partition: aws, aws-cn, aws-us-gov"},
	}
}
