package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/genepattern/ferry/scheduler"
)

// Look takes one call for a job, and for an array one more for each hundred children that failed.
func (q *Queue) Look(ctx context.Context, id string, children []int) (scheduler.Report, error) {
	j, err := q.describe(ctx, id)
	if err != nil {
		return scheduler.Report{}, err
	}
	r := reportOf(j)
	switch {
	case children == nil:
	case j.ArrayProperties == nil || j.ArrayProperties.Size == nil: // one child alone
		r.Children = map[scheduler.Phase]int{r.Phase: 1}
		if r.Phase == scheduler.Failed {
			r.Failed = children[:1]
		}
	default:
		err = q.lookAtArray(ctx, id, children, j.ArrayProperties.StatusSummary, &r)
	}
	if r.Phase == scheduler.Waiting && r.Why == "" && err == nil {
		r.Why = q.whyWaiting(ctx, j.Status)
	}
	return r, err
}

func phaseOf(s types.JobStatus) scheduler.Phase {
	switch s {
	case types.JobStatusSucceeded:
		return scheduler.Succeeded
	case types.JobStatusFailed:
		return scheduler.Failed
	case types.JobStatusRunning, types.JobStatusStarting:
		return scheduler.Running
	}
	return scheduler.Waiting
}

// reportOf is the report of a job that is no array.
func reportOf(j types.JobDetail) scheduler.Report {
	r := scheduler.Report{Phase: phaseOf(j.Status), Why: words(aws.ToString(j.StatusReason)), Started: millis(j.StartedAt), Ended: millis(j.StoppedAt), Attempts: len(j.Attempts)}
	if c := j.Container; c != nil {
		if c.ExitCode != nil {
			code := int(*c.ExitCode)
			r.Code = &code
		}
		if r.Phase.Ended() && c.Reason != nil {
			r.Why = strings.TrimPrefix(r.Why+"; "+*c.Reason, "; ")
		}
		if arn := aws.ToString(c.ContainerInstanceArn); arn != "" {
			r.Place = arn[strings.LastIndex(arn, "/")+1:]
		}
	}
	for _, a := range j.Attempts {
		if reclaimed(aws.ToString(a.StatusReason)) {
			r.Reclaims++
		}
	}
	if r.Phase.Ended() && r.Ended.IsZero() {
		r.Ended = millis(j.CreatedAt) // of one that was cancelled before it began, Batch tells no other time
	}
	if r.Phase == scheduler.Succeeded {
		r.Why = ""
	}
	return r
}

func millis(t *int64) time.Time {
	if t == nil || *t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(*t).UTC()
}

// reclaimed reports whether an attempt ended because its node was taken away.
// https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
func reclaimed(reason string) bool { return strings.HasPrefix(reason, "Host EC2") }

// lookAtArray counts the children. Of the parent's own state only the end counts: it is PENDING while its children run.
func (q *Queue) lookAtArray(ctx context.Context, id string, children []int, summary map[string]int32, r *scheduler.Report) error {
	r.Children = map[scheduler.Phase]int{}
	total := 0
	for status, n := range summary {
		r.Children[phaseOf(types.JobStatus(status))] += int(n)
		total += int(n)
	}
	if missing := len(children) - total; missing > 0 { // Batch has not made them all
		r.Children[scheduler.Waiting] += missing
	}
	if r.Children[scheduler.Failed] > 0 {
		failed, err := q.failed(ctx, id, children)
		if err != nil {
			return err
		}
		r.Failed = failed
	}
	switch n := r.Children; {
	case n[scheduler.Waiting] == len(children):
		r.Phase = scheduler.Waiting
	case n[scheduler.Waiting]+n[scheduler.Running] > 0:
		r.Phase = scheduler.Running
	case n[scheduler.Failed] > 0:
		r.Phase = scheduler.Failed
	default:
		r.Phase = scheduler.Succeeded
	}
	r.Code = nil
	return nil
}

// failed are the indices of the children that failed.
func (q *Queue) failed(ctx context.Context, id string, children []int) ([]int, error) {
	var all []int
	pages := api.NewListJobsPaginator(q.api, &api.ListJobsInput{ArrayJobId: &id, JobStatus: types.JobStatusFailed})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, q.explain(ctx, err)
		}
		for _, j := range page.JobSummaryList {
			if a := j.ArrayProperties; a != nil && a.Index != nil && int(*a.Index) < len(children) {
				all = append(all, children[*a.Index])
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// waits are what Batch says of a job that stays in RUNNABLE, and what that means.
// https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
var waits = []struct{ prefix, means string }{
	{"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "AWS has no free instance of the types that the queue's compute environments allow; more types or zones help"},
	{"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "the queue's compute environments may not grow so far (maxvCpus)"},
	{"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "no instance type that the queue allows has so much memory, so many CPUs or GPUs"},
	{"MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS", "the compute environment's service role lacks permissions"},
	{"ACTION_REQUIRED", "somebody has to look at the compute environment"},
	{"UNDETERMINED", "AWS Batch does not know why the job waits"},
}

// words says what a status reason means.
func words(reason string) string {
	for _, w := range waits {
		if strings.HasPrefix(reason, w.prefix) {
			return w.means + " (" + reason + ")"
		}
	}
	if reclaimed(reason) {
		return "the spot instance was reclaimed, or its node ended otherwise (" + reason + ")"
	}
	return reason
}

// whyWaiting looks at the queue where Batch gives no reason.
func (q *Queue) whyWaiting(ctx context.Context, status types.JobStatus) string {
	switch status {
	case types.JobStatusSubmitted, types.JobStatusPending:
		return "AWS Batch has taken it, and not yet looked at it"
	}
	out, err := q.api.DescribeJobQueues(ctx, &api.DescribeJobQueuesInput{JobQueues: []string{q.Name}})
	if err != nil || len(out.JobQueues) == 0 {
		return "it is ready to run"
	}
	jq := out.JobQueues[0]
	switch {
	case jq.State == types.JQStateDisabled:
		return "the queue is disabled"
	case jq.Status != types.JQStatusValid && jq.Status != "":
		return strings.TrimSpace(fmt.Sprintf("the queue is %s %s", jq.Status, aws.ToString(jq.StatusReason)))
	}
	return "it is ready to run, and waits for a node"
}
