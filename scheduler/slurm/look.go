package slurm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/scheduler"
)

// A task is one line of scontrol: a job, a child of an array, or the children that wait.
type task struct{ fields map[string]string }

// tasks asks scontrol, and accounting where scontrol has forgotten the job. ErrUnknown.
func (c *Cluster) tasks(ctx context.Context, id string) ([]task, error) {
	if !isID(id) {
		return nil, scheduler.ErrUnknown
	}
	if all, ok := c.jsonTasks(ctx, id); ok {
		return all, nil
	}
	out, err := c.run(ctx, "", "scontrol", "--oneliner", "show", "job", id)
	var said *commandError
	switch {
	case errors.As(err, &said) && strings.Contains(said.text, "Invalid job id"):
		return c.accounted(ctx, id)
	case err != nil:
		return nil, err
	}
	var all []task
	for line := range strings.Lines(out) {
		if fields := parseLine(line); fields["JobId"] != "" {
			all = append(all, task{fields})
		}
	}
	if all == nil {
		return nil, scheduler.ErrUnknown
	}
	return all, nil
}

// parseLine reads NAME=VALUE words. A value with spaces goes on up to the next such word; none that is read here has any.
func parseLine(line string) map[string]string {
	fields := map[string]string{}
	for word := range strings.FieldsSeq(line) {
		if name, value, ok := strings.Cut(word, "="); ok {
			if _, twice := fields[name]; !twice {
				fields[name] = value
			}
		}
	}
	return fields
}

// accounted asks sacct. A cluster without accounting knows nothing more.
func (c *Cluster) accounted(ctx context.Context, id string) ([]task, error) {
	out, err := c.run(ctx, "", "sacct", "--allocations", "--noheader", "--parsable2", "--jobs="+id, "--format=JobID,State,ExitCode,Start,End,NodeList,Restarts")
	var said *commandError
	if errors.As(err, &said) {
		return nil, scheduler.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	var all []task
	for line := range strings.Lines(strings.TrimSpace(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 7 {
			continue
		}
		state, _, _ := strings.Cut(f[1], " ") // CANCELLED by 0
		fields := map[string]string{"JobId": id, "JobState": state, "ExitCode": f[2], "StartTime": f[3], "EndTime": f[4], "BatchHost": f[5], "Restarts": f[6]}
		if _, index, ok := strings.Cut(f[0], "_"); ok {
			fields["ArrayTaskId"] = strings.Trim(index, "[]")
		}
		all = append(all, task{fields})
	}
	if all == nil {
		return nil, scheduler.ErrUnknown
	}
	return all, nil
}

// phase is by the states of https://slurm.schedmd.com/squeue.html.
func (t task) phase() scheduler.Phase {
	switch t.fields["JobState"] {
	case "PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD":
		return scheduler.Waiting
	case "COMPLETED":
		return scheduler.Succeeded
	case "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "REVOKED":
		return scheduler.Failed
	}
	return scheduler.Running // also COMPLETING, SUSPENDED, CONFIGURING, …
}

// indices are the children that the line is about: 3, or 4-7,10-20:5%2 of those that wait.
func (t task) indices() []int {
	list, _, _ := strings.Cut(t.fields["ArrayTaskId"], "%")
	var all []int
	for part := range strings.SplitSeq(list, ",") {
		part, step, stepped := strings.Cut(part, ":")
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		if !stepped {
			step = "1"
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		by, err3 := strconv.Atoi(step)
		if errors.Join(err1, err2, err3) != nil || by < 1 {
			continue
		}
		for i := first; i <= last; i += by {
			all = append(all, i)
		}
	}
	return all
}

// Look joins what scontrol says of the job, or of the children of an array.
func (c *Cluster) Look(ctx context.Context, id string, children []int) (scheduler.Report, error) {
	tasks, err := c.tasks(ctx, id)
	if err != nil {
		return scheduler.Report{}, err
	}
	if children == nil {
		return tasks[0].report(), nil
	}
	silent := map[int]bool{}
	for _, i := range children {
		silent[i] = true
	}
	if !covers(tasks, children) { // children that ended long ago are forgotten, each by itself
		if more, err := c.accounted(ctx, id); err == nil {
			tasks = append(tasks, more...)
		}
	}
	r := scheduler.Report{Children: map[scheduler.Phase]int{}, Attempts: 1}
	for _, t := range tasks {
		one := t.report()
		for _, i := range t.indices() {
			if !silent[i] {
				continue
			}
			delete(silent, i)
			r.Children[one.Phase]++
			if one.Phase == scheduler.Failed {
				r.Failed = append(r.Failed, i)
			}
		}
		if one.Phase == scheduler.Waiting {
			r.Why = one.Why
		}
		if !one.Started.IsZero() && (r.Started.IsZero() || one.Started.Before(r.Started)) {
			r.Started = one.Started
		}
		if one.Ended.After(r.Ended) {
			r.Ended = one.Ended
		}
		r.Reclaims += one.Reclaims
	}
	slices.Sort(r.Failed)
	if len(silent) > 0 {
		r.Silent = slices.Sorted(maps.Keys(silent))
	}
	switch n := r.Children; {
	case n[scheduler.Waiting] == len(children):
		r.Phase = scheduler.Waiting
	case n[scheduler.Waiting]+n[scheduler.Running] > 0:
		r.Phase, r.Ended = scheduler.Running, time.Time{}
	case n[scheduler.Failed] > 0:
		r.Phase = scheduler.Failed
	default:
		r.Phase = scheduler.Succeeded
	}
	return r, nil
}

// covers reports whether each child has a task.
func covers(tasks []task, children []int) bool {
	has := map[int]bool{}
	for _, t := range tasks {
		for _, i := range t.indices() {
			has[i] = true
		}
	}
	return !slices.ContainsFunc(children, func(i int) bool { return !has[i] })
}

func (t task) report() scheduler.Report {
	f := t.fields
	r := scheduler.Report{Phase: t.phase(), Attempts: 1, Started: when(f["StartTime"])}
	if n, err := strconv.Atoi(f["Restarts"]); err == nil {
		r.Attempts += n
		r.Reclaims = n // Slurm starts a job again where its node failed, or was taken for another job
	}
	if host := f["BatchHost"]; host != "" && host != "(null)" {
		r.Place = host
	}
	switch {
	case r.Phase == scheduler.Waiting:
		r.Why, r.Started = whyWaiting(f["Reason"]), time.Time{}
	case r.Phase.Ended():
		r.Ended = when(f["EndTime"])
		code, signal, _ := strings.Cut(f["ExitCode"], ":")
		if n, err := strconv.Atoi(code); err == nil && (signal == "0" || signal == "") && f["JobState"] != "CANCELLED" {
			r.Code = &n
		}
		r.Why = whyFailed[f["JobState"]]
	}
	return r
}

// when reads a time, which Slurm gives in the zone of the machine.
func when(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", s, time.Local)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// whyFailed is what states mean that say more than that a process failed.
var whyFailed = map[string]string{
	"CANCELLED":     "it was cancelled",
	"TIMEOUT":       "Slurm ended it at its time limit",
	"NODE_FAIL":     "its node failed",
	"PREEMPTED":     "Slurm took its node for another job",
	"OUT_OF_MEMORY": "Slurm ended it for its memory limit",
	"BOOT_FAIL":     "its node did not start",
	"DEADLINE":      "its deadline passed",
}

// reasons are why jobs wait, in words.
// https://slurm.schedmd.com/job_reason_codes.html
var reasons = map[string]string{
	"None":               "Slurm has not looked at it yet",
	"Resources":          "no node that it needs is free",
	"Priority":           "other jobs come first",
	"JobArrayTaskLimit":  "as many children run as may at once",
	"BeginTime":          "its time has not come; after a failed start Slurm waits two minutes",
	"PartitionDown":      "the partition takes no jobs to nodes (it is down)",
	"PartitionInactive":  "the partition takes no jobs (it is inactive)",
	"PartitionNodeLimit": "it asks for more nodes than the partition allows",
	"PartitionTimeLimit": "it asks for more time than the partition allows: a shorter --walltime may do",
	"JobHeldUser":        "its user holds it",
	"JobHeldAdmin":       "an administrator holds it",
	"Reservation":        "it waits for its reservation",
	"Licenses":           "it waits for a licence",
	"ReqNodeNotAvail":    "the nodes that it needs are down, drained or reserved",
	"QOSMaxJobsPerUser":  "its user has as many jobs as may run at once",
	"AssocGrpCpuLimit":   "its account uses as many CPUs as it may",
	"AssocGrpMemLimit":   "its account uses as much memory as it may",
	"BadConstraints":     "no node is as the job asks: less memory or fewer CPUs may do",
	"NodeDown":           "the node that it needs is down",
	"Nodes":              "the nodes that it needs are down, drained or reserved",
}

func whyWaiting(reason string) string {
	name := strings.TrimSuffix(strings.Trim(reason, "()"), ",")
	first, _, _ := strings.Cut(name, ",")
	for _, n := range []string{name, first} {
		if text, ok := reasons[n]; ok {
			return text + " (" + n + ")"
		}
	}
	return "Slurm says: " + name
}
