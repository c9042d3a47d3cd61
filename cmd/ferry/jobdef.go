package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
)

// jobdefCommand prints what AWS has to be told so that ferry can run there. It contacts nobody.
func jobdefCommand(w world) *cli.Command {
	return &cli.Command{
		Name:  "jobdef",
		Usage: "print an AWS Batch job definition, or with --iam the policy that its role needs",
		Description: "The output is for\n  aws batch register-job-definition --cli-input-json \"$(ferry jobdef --name NAME --image IMAGE)\"\n" +
			"or, with --iam, for\n  aws iam put-role-policy --policy-document \"$(ferry jobdef --iam --bucket BUCKET)\" …",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the job definition"},
			&cli.StringFlag{Name: "image", Usage: "`IMAGE` to start: the transfer image"},
			&cli.StringFlag{Name: "role", Usage: "`ARN` of the role that jobs run with"},
			&cli.BoolFlag{Name: "positional", Usage: "for a server that passes arguments (runS3OnBatch.sh) instead of variables"},
			&cli.StringFlag{Name: "vcpus", Value: "1", Usage: "default `NUMBER` of vCPUs of a job"},
			&cli.StringFlag{Name: "memory", Value: "2048", Usage: "default memory of a job in `MIB`"},
			&cli.StringFlag{Name: "gpus", Usage: "`NUMBER` of GPUs of a job"},
			&cli.StringFlag{Name: "local-prefix", Value: "/local", Usage: "`DIR` of the node where jobs stand"},
			&cli.StringFlag{Name: "docker-socket", Value: "/var/run/docker.sock", Usage: "`PATH` of the engine's socket on the node"},
			&cli.DurationFlag{Name: "walltime", Value: 24 * time.Hour, Usage: "longest run `TIME` of a module; Batch's own limit is half an hour above it"},
			&cli.IntFlag{Name: "attempts", Value: 3, Usage: "`NUMBER` of attempts at a job that the node or a signal ended"},
			&cli.StringSliceFlag{Name: "env", Usage: "`NAME=VALUE` for ferry, such as FERRY_GRACE=20s; repeatable"},
			&cli.BoolFlag{Name: "iam", Usage: "print the policy instead"},
			&cli.StringFlag{Name: "bucket", Usage: "--iam: the jobs' `BUCKET`"},
			&cli.StringFlag{Name: "prefix", Usage: "--iam: the key `PREFIX` of the remote root; none for the whole bucket"},
			&cli.StringSliceFlag{Name: "repository", Usage: "--iam: an ECR `NAME` that module images come from, * at its end for all that begin so; repeatable"},
			&cli.BoolFlag{Name: "freeze", Usage: "--iam: also create those repositories and push to them, for --freeze"},
			&cli.StringFlag{Name: "kms-key", Usage: "--iam: `ARN` of the key that encrypts the bucket"},
			&cli.StringFlag{Name: "partition", Value: "aws", Usage: "--iam: `NAME` of the partition: aws, aws-cn, aws-us-gov"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cause.Fail(cause.Usage, "ferry jobdef --help lists the flags", "jobdef takes no argument: %q", c.Args().First())
			}
			var v any
			var err error
			if c.Bool("iam") {
				v, err = policyOf(c)
			} else {
				v, err = jobDefinitionOf(c)
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

// The input of AWS Batch's RegisterJobDefinition, as far as ferry has something to say:
// https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
type (
	jobDefinition struct {
		Name       string              `json:"jobDefinitionName"`
		Type       string              `json:"type"`
		Platform   []string            `json:"platformCapabilities"`
		Parameters map[string]string   `json:"parameters,omitempty"`
		Container  containerProperties `json:"containerProperties"`
		Retry      retryStrategy       `json:"retryStrategy"`
		Timeout    jobTimeout          `json:"timeout"`
	}
	containerProperties struct {
		Image       string         `json:"image"`
		Command     []string       `json:"command"`
		Role        string         `json:"jobRoleArn,omitempty"`
		Resources   []resourceNeed `json:"resourceRequirements"`
		Environment []nameValue    `json:"environment"`
		Volumes     []hostVolume   `json:"volumes"`
		Mounts      []mountPoint   `json:"mountPoints"`
		Privileged  bool           `json:"privileged"`
	}
	resourceNeed struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	nameValue struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	hostVolume struct {
		Name string     `json:"name"`
		Host sourcePath `json:"host"`
	}
	sourcePath struct {
		Path string `json:"sourcePath"`
	}
	mountPoint struct {
		Volume   string `json:"sourceVolume"`
		Path     string `json:"containerPath"`
		ReadOnly bool   `json:"readOnly"`
	}
	retryStrategy struct {
		Attempts int         `json:"attempts"`
		OnExit   []retryRule `json:"evaluateOnExit"`
	}
	retryRule struct {
		Status string `json:"onStatusReason,omitempty"`
		Reason string `json:"onReason,omitempty"`
		Code   string `json:"onExitCode,omitempty"`
		Action string `json:"action"`
	}
	jobTimeout struct {
		Seconds int64 `json:"attemptDurationSeconds"`
	}
)

// timeoutMargin is what Batch's limit leaves above the module's walltime, for staging in and out.
const timeoutMargin = 30 * time.Minute

func jobDefinitionOf(c *cli.Context) (*jobDefinition, error) {
	for _, name := range []string{"name", "image"} {
		if c.String(name) == "" {
			return nil, cause.Fail(cause.Usage, "ferry jobdef --name NAME --image TRANSFER_IMAGE", "--%s is missing", name)
		}
	}
	for _, name := range []string{"local-prefix", "docker-socket"} {
		if !path.IsAbs(c.String(name)) {
			return nil, cause.Fail(cause.Usage, "", "--%s: %q is not an absolute path", name, c.String(name))
		}
	}
	if n := c.Int("attempts"); n < 1 || n > 10 { // Batch's own bounds
		return nil, cause.Fail(cause.Usage, "", "--attempts: %d is not from 1 to 10", n)
	}
	if c.Duration("walltime") < time.Minute {
		return nil, cause.Fail(cause.Usage, "", "--walltime: %v is less than the minute that AWS Batch can count", c.Duration("walltime"))
	}
	d := &jobDefinition{Name: c.String("name"), Type: "container", Platform: []string{"EC2"}}
	p := &d.Container
	p.Image, p.Role = c.String("image"), c.String("role")
	p.Command = []string{"/usr/local/bin/copyFromS3ThenRun.sh"}
	if c.Bool("positional") {
		p.Command = []string{"/usr/local/bin/runS3OnBatch.sh", "Ref::taskLib", "Ref::inputFileDirectory", "Ref::s3_root", "Ref::working_dir", "Ref::exe1"}
		d.Parameters = map[string]string{"taskLib": "unset", "inputFileDirectory": "unset", "s3_root": "unset", "working_dir": "unset", "exe1": "unset"}
	}
	var err error
	if p.Resources, err = resources(c); err != nil {
		return nil, err
	}
	p.Environment = []nameValue{{"FERRY_LOG_FORMAT", "json"}}
	for _, v := range c.StringSlice("env") {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, cause.Fail(cause.Usage, "", "--env: %q is not NAME=VALUE", v)
		}
		p.Environment = append(p.Environment, nameValue{name, value})
	}
	// The container's side of the local prefix is fixed: it is what GP_LOCAL_PREFIX says unless a server says otherwise.
	p.Volumes = []hostVolume{{"docker", sourcePath{c.String("docker-socket")}}, {"local", sourcePath{c.String("local-prefix")}}}
	p.Mounts = []mountPoint{{"docker", "/var/run/docker.sock", false}, {"local", "/local", false}}
	d.Retry = retryStrategy{c.Int("attempts"), []retryRule{
		{Status: "Host EC2*", Action: "RETRY"}, // the node went away: a spot instance reclaimed, for instance
		{Code: strconv.Itoa(cause.Interrupted.Code()), Action: "RETRY"},
		{Reason: "CannotPullContainerError*", Action: "RETRY"}, // the transfer image itself
		{Reason: "*", Action: "EXIT"},                          // a module that fails once fails again
	}}
	d.Timeout.Seconds = int64((c.Duration("walltime") + timeoutMargin).Seconds())
	return d, nil
}

func resources(c *cli.Context) ([]resourceNeed, error) {
	var all []resourceNeed
	for _, r := range []struct{ flag, kind string }{{"vcpus", "VCPU"}, {"memory", "MEMORY"}, {"gpus", "GPU"}} {
		v := c.String(r.flag)
		if v == "" {
			continue
		}
		if n, err := strconv.Atoi(v); err != nil || n < 1 {
			return nil, cause.Fail(cause.Usage, "", "--%s: %q is not a number from 1", r.flag, v)
		}
		all = append(all, resourceNeed{r.kind, v})
	}
	return all, nil
}

type (
	policy struct {
		Version    string
		Statements []statement `json:"Statement"`
	}
	statement struct {
		Sid       string
		Effect    string
		Action    []string
		Resource  []string
		Condition map[string]map[string][]string `json:",omitempty"`
	}
)

// policyOf is the least that a job's role needs: to list and read below the remote root, to write there, and to pull the
// module images that are in ECR.
func policyOf(c *cli.Context) (*policy, error) {
	bucket, prefix := c.String("bucket"), strings.Trim(c.String("prefix"), "/")
	if bucket == "" || strings.ContainsAny(bucket, "/:*?") {
		return nil, cause.Fail(cause.Usage, "ferry jobdef --iam --bucket BUCKET --prefix PREFIX --repository NAME", "--bucket: %q is no bucket's name", bucket)
	}
	if strings.ContainsAny(prefix, "*?$") {
		return nil, cause.Fail(cause.Usage, "", "--prefix: %q has a character with a meaning in policies", prefix)
	}
	s3 := "arn:" + c.String("partition") + ":s3:::" + bucket
	list := statement{Sid: "List", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{s3}}
	objects := s3 + "/*"
	if prefix != "" {
		list.Condition = map[string]map[string][]string{"StringLike": {"s3:prefix": {prefix + "/*"}}}
		objects = s3 + "/" + prefix + "/*"
	}
	p := &policy{Version: "2012-10-17", Statements: []statement{list,
		{Sid: "Transfer", Effect: "Allow", Action: []string{"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"}, Resource: []string{objects}},
	}}
	if key := c.String("kms-key"); key != "" {
		p.Statements = append(p.Statements, statement{Sid: "Encryption", Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resource: []string{key}})
	}
	return p, p.repositories(c)
}

func (p *policy) repositories(c *cli.Context) error {
	names := c.StringSlice("repository")
	if len(names) == 0 {
		if c.Bool("freeze") {
			return cause.Fail(cause.Usage, "such as --repository 'genepattern/*'", "--freeze needs a --repository to push to")
		}
		return nil
	}
	var arns []string
	for _, n := range names {
		if n == "" || strings.ContainsAny(n, ":?$ ") {
			return cause.Fail(cause.Usage, "", "--repository: %q is no repository's name", n)
		}
		arns = append(arns, fmt.Sprintf("arn:%s:ecr:*:*:repository/%s", c.String("partition"), n))
	}
	p.Statements = append(p.Statements,
		// This one cannot be narrowed: a login is for the whole registry.
		statement{Sid: "Login", Effect: "Allow", Action: []string{"ecr:GetAuthorizationToken"}, Resource: []string{"*"}},
		statement{Sid: "Pull", Effect: "Allow", Action: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, Resource: arns})
	if c.Bool("freeze") {
		p.Statements = append(p.Statements, statement{Sid: "Freeze", Effect: "Allow", Resource: arns, Action: []string{"ecr:CreateRepository",
			"ecr:DescribeRepositories", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}})
	}
	return nil
}
