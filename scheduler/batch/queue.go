package batch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/scheduler"
)

// Kind is AWS Batch.
var Kind = scheduler.Kind{
	Name: "batch", Form: "batch:QUEUE", Usage: "AWS Batch",
	Options: []scheduler.Option{
		{Name: "definition", Arg: "NAME", Usage: "job definition NAME to use as it is; by default ferry registers one for --transfer-image"},
		{Name: "transfer-image", Arg: "REF", Usage: "ferry's own image on AWS Batch, REF"},
		{Name: "transfer-env", Arg: "NAME[=VALUE]", Usage: "NAME[=VALUE] for ferry's own container on AWS Batch", Repeat: true},
		{Name: "job-role", Arg: "ARN", Usage: "role that ferry has on AWS Batch, ARN"},
	},
	Open: func(h scheduler.Host, place string) (scheduler.Scheduler, error) {
		if place == "" {
			return nil, cause.Fail(cause.Usage, "such as --to batch:QUEUE", "--to batch names no queue")
		}
		conf, err := awsconfig.At(h.Lookup)
		if err != nil {
			return nil, err
		}
		return NewQueue(conf, place, h)
	},
}

// A Queue is a job queue of AWS Batch. It is safe for concurrent use.
type Queue struct {
	Name string
	host scheduler.Host
	api  *api.Client
	once *api.Client // sends nothing twice
	logs *cloudwatchlogs.Client
}

var (
	_ scheduler.Scheduler = (*Queue)(nil)
	_ scheduler.Logger    = (*Queue)(nil)
)

// NewQueue makes a Queue. It sends nothing.
func NewQueue(conf aws.Config, name string, h scheduler.Host) (*Queue, error) {
	if conf.Region == "" {
		return nil, cause.Fail(cause.Usage, "set AWS_REGION", "it is not known which region's AWS Batch is meant")
	}
	return &Queue{Name: name, host: h, api: api.NewFromConfig(conf), logs: cloudwatchlogs.NewFromConfig(conf),
		once: api.NewFromConfig(conf, func(o *api.Options) { o.Retryer = aws.NopRetryer{} })}, nil
}

// smallestArray is the least size that Batch takes for an array job.
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ArrayProperties.html
const smallestArray = 2

// Submit submits a job, or an array job. The one child of an array is a job that is none.
func (q *Queue) Submit(ctx context.Context, t scheduler.Task) (string, error) {
	definition, err := q.definition(ctx)
	if err != nil {
		return "", err
	}
	in := &api.SubmitJobInput{JobName: &t.Name, JobQueue: &q.Name, JobDefinition: &definition,
		ContainerOverrides: &types.ContainerOverrides{Command: []string{"run"}, ResourceRequirements: resources(t.Needs)}}
	env, err := q.environment(t)
	if err != nil {
		return "", err
	}
	if len(t.Children) == 1 {
		env = append(env, pair("FERRY_CHILD", strconv.Itoa(t.Children[0])))
	}
	in.ContainerOverrides.Environment = env
	if len(t.Children) >= smallestArray {
		in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(int32(len(t.Children)))}
	}
	if t.Needs.Walltime > 0 {
		limit := t.Needs.Walltime + TimeoutMargin
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(int32(min(limit.Seconds(), math.MaxInt32)))}
	}
	out, err := q.once.SubmitJob(ctx, in)
	if err != nil {
		return "", q.explain(ctx, err)
	}
	return aws.ToString(out.JobId), nil
}

func pair(name, value string) types.KeyValuePair {
	return types.KeyValuePair{Name: &name, Value: &value}
}

// environment is what ferry on the node gets.
func (q *Queue) environment(t scheduler.Task) ([]types.KeyValuePair, error) {
	all := []types.KeyValuePair{pair("FERRY_HANDLE", t.Handle)}
	for _, kv := range t.Env {
		name, value, _ := strings.Cut(kv, "=")
		all = append(all, pair(name, value))
	}
	for _, kv := range q.host.Settings["transfer-env"] {
		name, value, has := strings.Cut(kv, "=")
		if name == "" {
			return nil, cause.Fail(cause.Usage, "", "--transfer-env: %q is not NAME[=VALUE]", kv)
		}
		if !has {
			if value, has = q.host.Lookup(name); !has {
				continue
			}
		}
		all = append(all, pair(name, value))
	}
	return all, nil
}

// resources are those of the job's container. Batch counts whole vCPUs and MiB.
func resources(n scheduler.Needs) []types.ResourceRequirement {
	var all []types.ResourceRequirement
	add := func(kind types.ResourceType, value int64) {
		if value > 0 {
			all = append(all, types.ResourceRequirement{Type: kind, Value: aws.String(strconv.FormatInt(value, 10))})
		}
	}
	add(types.ResourceTypeVcpu, int64(math.Ceil(n.CPUs)))
	add(types.ResourceTypeMemory, (n.Memory+1<<20-1)>>20)
	add(types.ResourceTypeGpu, int64(n.GPUs))
	return all
}

// Find asks for a job by its name. Batch lists the jobs of the last days.
func (q *Queue) Find(ctx context.Context, name string) (string, error) {
	out, err := q.api.ListJobs(ctx, &api.ListJobsInput{JobQueue: &q.Name, Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{name}}}})
	if err != nil {
		return "", q.explain(ctx, err)
	}
	for _, j := range out.JobSummaryList {
		if aws.ToString(j.JobName) == name {
			return aws.ToString(j.JobId), nil
		}
	}
	return "", scheduler.ErrUnknown
}

// describe gives a job. ErrUnknown.
func (q *Queue) describe(ctx context.Context, id string) (types.JobDetail, error) {
	if id == "" {
		return types.JobDetail{}, scheduler.ErrUnknown
	}
	out, err := q.api.DescribeJobs(ctx, &api.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return types.JobDetail{}, q.explain(ctx, err)
	}
	if len(out.Jobs) == 0 {
		return types.JobDetail{}, scheduler.ErrUnknown
	}
	return out.Jobs[0], nil
}

// Cancel ends the job, or all children of an array. Batch cancels those that have not begun.
func (q *Queue) Cancel(ctx context.Context, id string) error {
	j, err := q.describe(ctx, id)
	if err != nil || phaseOf(j.Status).Ended() {
		return err
	}
	_, err = q.api.TerminateJob(ctx, &api.TerminateJobInput{JobId: &id, Reason: aws.String("ferry cancel")})
	return q.explain(ctx, err)
}

// explain adds what a user can do about an error of Batch.
func (q *Queue) explain(ctx context.Context, err error) error {
	var client *types.ClientException
	var denied interface{ ErrorCode() string }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &client) && strings.Contains(strings.ToLower(client.ErrorMessage()), "queue"):
		return cause.Fail(cause.Usage, q.queues(ctx), "AWS Batch: %s", client.ErrorMessage())
	case errors.As(err, &client):
		return cause.Fail(cause.Usage, "", "AWS Batch: %s", client.ErrorMessage())
	case errors.As(err, &denied) && strings.HasPrefix(denied.ErrorCode(), "AccessDenied"):
		return cause.Fail(cause.Refused, "docs/submit.md lists the actions that a submitter needs", "AWS Batch: %w", err)
	}
	return fmt.Errorf("AWS Batch: %w", err)
}

// queues names the queues that there are, for a hint.
func (q *Queue) queues(ctx context.Context) string {
	out, err := q.api.DescribeJobQueues(ctx, &api.DescribeJobQueuesInput{})
	if err != nil {
		return ""
	}
	var names []string
	for _, jq := range out.JobQueues {
		names = append(names, aws.ToString(jq.JobQueueName))
	}
	if names == nil {
		return "this account has no job queue in this region"
	}
	return "there are the queues " + strings.Join(names, ", ")
}

// Log reads the job's log stream.
func (q *Queue) Log(ctx context.Context, id string, children []int, place int, most int64) (string, error) {
	if place >= 0 && len(children) >= smallestArray {
		id += ":" + strconv.Itoa(place)
	}
	j, err := q.describe(ctx, id)
	if err != nil || j.Container == nil || j.Container.LogStreamName == nil {
		return "", err
	}
	out, err := q.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(logGroup(j)), LogStreamName: j.Container.LogStreamName, StartFromHead: aws.Bool(false)})
	if err != nil {
		return "", fmt.Errorf("CloudWatch Logs: %w", err)
	}
	var b strings.Builder
	for _, e := range out.Events {
		b.WriteString(aws.ToString(e.Message) + "\n")
	}
	text := b.String()
	if int64(len(text)) > most {
		_, text, _ = strings.Cut(text[int64(len(text))-most:], "\n")
	}
	return text, nil
}

// logGroup is where Batch keeps logs unless the definition says otherwise.
func logGroup(j types.JobDetail) string {
	if c := j.Container.LogConfiguration; c != nil && c.Options["awslogs-group"] != "" {
		return c.Options["awslogs-group"]
	}
	return "/aws/batch/job"
}
