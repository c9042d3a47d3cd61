package slurm

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// jsonTasks asks scontrol for JSON, which it has from Slurm 23.02 on. (squeue has it before that, but tells of every job of the cluster.)
// ok is false where it has none, or none that is understood: its form changes with Slurm's version.
func (c *Cluster) jsonTasks(ctx context.Context, id string) (all []task, ok bool) {
	if c.noJSON.Load() {
		return nil, false
	}
	out, err := c.run(ctx, "", "scontrol", "--json", "show", "job", id)
	var said *commandError
	if errors.As(err, &said) && (strings.Contains(said.text, "unrecognized option") || strings.Contains(said.text, "plugin")) {
		c.noJSON.Store(true)
	}
	if err != nil {
		return nil, false
	}
	var answer struct {
		Jobs []jsonJob `json:"jobs"`
	}
	if json.Unmarshal([]byte(out), &answer) != nil || len(answer.Jobs) == 0 {
		return nil, false
	}
	for _, j := range answer.Jobs {
		t := j.task()
		if t.fields["JobId"] == "" || t.fields["JobState"] == "" {
			return nil, false
		}
		all = append(all, t)
	}
	return all, true
}

// A jsonJob is a job as Slurm's JSON has it, in any version's form.
// https://slurm.schedmd.com/rest_api.html
type jsonJob struct {
	JobID     jsonNumber `json:"job_id"`
	ArrayID   jsonNumber `json:"array_job_id"`
	Index     jsonNumber `json:"array_task_id"`
	Indices   string     `json:"array_task_string"`
	State     jsonWords  `json:"job_state"`
	Reason    string     `json:"state_reason"`
	Exit      jsonExit   `json:"exit_code"`
	Started   jsonNumber `json:"start_time"`
	Ended     jsonNumber `json:"end_time"`
	Restarts  jsonNumber `json:"restart_cnt"`
	BatchHost string     `json:"batch_host"`
	Stdout    string     `json:"standard_output"`
}

// task has the names that scontrol's text has.
func (j jsonJob) task() task {
	f := map[string]string{"JobState": string(j.State), "Reason": j.Reason, "ExitCode": string(j.Exit), "BatchHost": j.BatchHost, "StdOut": j.Stdout}
	if j.JobID.set {
		f["JobId"] = strconv.FormatInt(j.JobID.n, 10)
	}
	switch {
	case !j.ArrayID.set || j.ArrayID.n == 0: // it is no array
	case j.Indices != "":
		f["ArrayTaskId"] = j.Indices
	case j.Index.set:
		f["ArrayTaskId"] = strconv.FormatInt(j.Index.n, 10)
	}
	if j.Restarts.set {
		f["Restarts"] = strconv.FormatInt(j.Restarts.n, 10)
	}
	for name, at := range map[string]jsonNumber{"StartTime": j.Started, "EndTime": j.Ended} {
		if at.set && at.n > 0 {
			f[name] = time.Unix(at.n, 0).Local().Format("2006-01-02T15:04:05")
		}
	}
	return task{f}
}

// A jsonNumber is a number, null, or from 23.02 on an object that says whether it is set.
type jsonNumber struct {
	n   int64
	set bool
}

func (v *jsonNumber) UnmarshalJSON(data []byte) error {
	var object struct {
		Set    bool  `json:"set"`
		Number int64 `json:"number"`
	}
	if json.Unmarshal(data, &object) == nil && data[0] == '{' {
		v.n, v.set = object.Number, object.Set
		return nil
	}
	if string(data) == "null" {
		return nil
	}
	v.set = true
	return json.Unmarshal(data, &v.n)
}

// jsonWords are one word, or from 23.11 on a list of them, of which the first is the state and others are its flags.
type jsonWords string

func (v *jsonWords) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil && len(list) > 0 {
		*v = jsonWords(list[0])
		return nil
	}
	return json.Unmarshal(data, (*string)(v))
}

// jsonExit is CODE:SIGNAL. In JSON it is what wait(2) gives, or from 23.02 on an object.
type jsonExit string

func (v *jsonExit) UnmarshalJSON(data []byte) error {
	var object struct {
		Code   jsonNumber `json:"return_code"`
		Signal struct {
			ID  jsonNumber `json:"id"`
			Old jsonNumber `json:"signal_id"`
		} `json:"signal"`
	}
	var status int64
	switch {
	case json.Unmarshal(data, &status) == nil:
		object.Code.n, object.Signal.ID.n = status>>8, status&0x7f
	case json.Unmarshal(data, &object) != nil:
		return nil // the state says enough
	}
	*v = jsonExit(strconv.FormatInt(object.Code.n, 10) + ":" + strconv.FormatInt(max(object.Signal.ID.n, object.Signal.Old.n), 10))
	return nil
}
