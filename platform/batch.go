package platform

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// The input of AWS Batch's RegisterJobDefinition for a job of several containers, as far as ferry has something to say:
// https://docs.aws.amazon.com/batch/latest/APIReference/API_EcsProperties.html
type (
	batchDefinition struct {
		Name       string   `json:"jobDefinitionName"`
		Type       string   `json:"type"`
		Platform   []string `json:"platformCapabilities"`
		Properties struct {
			Tasks []batchTask `json:"taskProperties"`
		} `json:"ecsProperties"`
		Retry struct {
			Attempts int                 `json:"attempts"`
			OnExit   []map[string]string `json:"evaluateOnExit"`
		} `json:"retryStrategy"`
		Timeout struct {
			Seconds int64 `json:"attemptDurationSeconds"`
		} `json:"timeout"`
	}
	batchTask struct {
		Containers []batchContainer `json:"containers"`
		Role       string           `json:"taskRoleArn,omitempty"`
		Volumes    []batchVolume    `json:"volumes"`
	}
	batchContainer struct {
		Name        string            `json:"name"`
		Image       string            `json:"image"`
		Command     []string          `json:"command"`
		Essential   bool              `json:"essential"`
		DependsOn   []batchDependency `json:"dependsOn,omitempty"`
		Environment []nameValue       `json:"environment,omitempty"`
		Resources   []typeValue       `json:"resourceRequirements"`
		User        string            `json:"user,omitempty"`
		Mounts      []batchMount      `json:"mountPoints"`
	}
	batchVolume struct {
		Name string     `json:"name"`
		Host *batchHost `json:"host,omitempty"`
	}
	batchHost struct {
		Path string `json:"sourcePath"`
	}
	batchMount struct {
		Volume   string `json:"sourceVolume"`
		Path     string `json:"containerPath"`
		ReadOnly bool   `json:"readOnly"`
	}
	batchDependency struct {
		Container string `json:"containerName"`
		Condition string `json:"condition"`
	}
	nameValue struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	typeValue struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
)

// What ferry's own containers get: a transfer needs less than 128 MiB, and Batch counts whole vCPUs.
const (
	transferVCPUs  = "1"
	transferMemory = "512" // MiB
	moduleMemory   = "2048"
)

// batch prints a job definition of three containers. Only stage-out is essential: the others may end, however they end. It does not wait
// for the module's container by a dependency, so that it is there when the job is stopped.
func batch(in Input) (string, error) {
	if in.Parts == PartsMount {
		return "", cause.Fail(cause.Usage, "leave it out", "--parts %s: AWS Batch mounts whole volumes", PartsMount)
	}
	vars, err := in.env()
	if err != nil {
		return "", err
	}
	var env []nameValue
	for _, kv := range vars {
		name, value, _ := strings.Cut(kv, "=")
		env = append(env, nameValue{name, value})
	}
	needs := []typeValue{{"VCPU", transferVCPUs}, {"MEMORY", transferMemory}}
	mounts := func(readOnly bool) []batchMount {
		return []batchMount{{"job", in.volume(), false}, {"ferry", in.relay(), readOnly}}
	}
	staged := []batchDependency{{"stage-in", "COMPLETE"}}
	task := batchTask{Role: in.Role, Volumes: []batchVolume{{Name: "job"}, {Name: "ferry"}}}
	module := batchContainer{Name: "module", Image: in.Job.Container.Image, Command: in.exec(), DependsOn: staged, User: in.user(), Mounts: mounts(true)}
	if module.Resources, err = batchNeeds(in); err != nil {
		return "", err
	}
	for i, m := range in.Job.Dirs.Mounts {
		if m.Host != "" {
			name := "node-" + strconv.Itoa(i)
			task.Volumes = append(task.Volumes, batchVolume{name, &batchHost{m.Host}})
			module.Mounts = append(module.Mounts, batchMount{name, m.Path, !m.Writable})
		}
	}
	task.Containers = []batchContainer{
		{Name: "stage-in", Image: in.Image, Command: in.ferry("stage-in", "batch-containers"), Environment: env, Resources: needs, Mounts: mounts(false)},
		module,
		{Name: "stage-out", Image: in.Image, Command: in.ferry("stage-out", "batch-containers"), Essential: true, DependsOn: staged, Environment: env, Resources: needs, Mounts: mounts(false)},
	}
	d := batchDefinition{Name: in.Name, Type: "container", Platform: []string{"EC2"}}
	d.Properties.Tasks = []batchTask{task}
	d.Retry.Attempts = max(in.Attempts, 1)
	d.Retry.OnExit = []map[string]string{{"onStatusReason": "Host EC2*", "action": "RETRY"}}
	for _, c := range cause.AgainCodes() {
		d.Retry.OnExit = append(d.Retry.OnExit, map[string]string{"onExitCode": strconv.Itoa(c), "action": "RETRY"})
	}
	d.Retry.OnExit = append(d.Retry.OnExit, map[string]string{"onReason": "Cannot*", "action": "RETRY"}, map[string]string{"onReason": "*", "action": "EXIT"})
	d.Timeout.Seconds = seconds(in.Job.Walltime + margin)
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	err = out.Encode(d)
	return b.String(), err
}

// batchNeeds are what the module's container gets. Batch counts whole vCPUs and MiB.
func batchNeeds(in Input) ([]typeValue, error) {
	l := in.Job.Container.Limits
	cpus, memory := transferVCPUs, moduleMemory
	if l.CPUs > 0 {
		cpus = strconv.FormatInt(int64(l.CPUs+0.999), 10)
	}
	if l.Memory > 0 {
		memory = strconv.FormatInt((l.Memory+1<<20-1)>>20, 10)
	}
	all := []typeValue{{"VCPU", cpus}, {"MEMORY", memory}}
	if l.GPUs != "" && l.GPUs != "none" {
		if _, err := strconv.Atoi(l.GPUs); err != nil {
			return nil, cause.Fail(cause.Usage, "give their number", "--gpus %s: AWS Batch counts GPUs", l.GPUs)
		}
		all = append(all, typeValue{"GPU", l.GPUs})
	}
	return all, nil
}
