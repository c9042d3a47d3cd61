package batch

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
)

// A DefinitionInput is what a job definition is made from. Each field is the flag of `ferry jobdef` with its name.
type DefinitionInput struct {
	Name, Image  string        // required; Image is the transfer image
	Role         string        // ARN of the role that jobs run with, or ""
	Positional   bool          // for a server that passes arguments instead of variables
	VCPUs        string        // a whole number from 1
	Memory       string        // in MiB, a whole number from 1
	GPUs         string        // a whole number from 1, or ""
	LocalPrefix  string        // absolute: where jobs stand on the node
	DockerSocket string        // absolute: the engine's socket on the node
	Walltime     time.Duration // of a module, from a minute
	Attempts     int           // from 1 to 10
	Env          []string      // NAME=VALUE for ferry
	Shared       []Shared      // file systems that jobs in place have, besides the node's own disk
	Options      []string      // of `ferry run`, for one job; none for jobs that a GenePattern server describes
}

// DefaultDefinition has the values that hold where nobody gives others.
func DefaultDefinition() DefinitionInput {
	return DefinitionInput{VCPUs: "1", Memory: "2048", LocalPrefix: "/local", DockerSocket: "/var/run/docker.sock", Walltime: 24 * time.Hour, Attempts: 3}
}

const (
	// TimeoutMargin is what Batch's limit leaves above the module's walltime, for staging in and out.
	TimeoutMargin = 30 * time.Minute
	// maxAttempts and minTimeout are Batch's own bounds.
	// https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html
	// https://docs.aws.amazon.com/batch/latest/APIReference/API_JobTimeout.html
	maxAttempts = 10
	minTimeout  = time.Minute
)

// NewDefinition makes the definition. Its errors have the cause Usage, and name the flag of `ferry jobdef` that is wrong.
func NewDefinition(in DefinitionInput) (*Definition, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	d := &Definition{Name: in.Name, Type: "container", Platform: []string{"EC2"}}
	p := &d.Container
	p.Image, p.Role = in.Image, in.Role
	p.Command = []string{"/usr/local/bin/copyFromS3ThenRun.sh"}
	if len(in.Options) > 0 {
		p.Command = append([]string{"run"}, in.Options...)
	}
	if in.Positional {
		p.Command = []string{"/usr/local/bin/runS3OnBatch.sh", "Ref::taskLib", "Ref::inputFileDirectory", "Ref::s3_root", "Ref::working_dir", "Ref::exe1"}
		d.Parameters = map[string]string{"taskLib": "unset", "inputFileDirectory": "unset", "s3_root": "unset", "working_dir": "unset", "exe1": "unset"}
	}
	var err error
	if p.Resources, err = in.resources(); err != nil {
		return nil, err
	}
	if p.Environment, err = in.environment(); err != nil {
		return nil, err
	}
	// The container's side of the local prefix is fixed: it is what GP_LOCAL_PREFIX says unless a server says otherwise.
	p.Volumes = []Volume{{Name: "docker", Host: &SourcePath{in.DockerSocket}}, {Name: "local", Host: &SourcePath{in.LocalPrefix}}}
	p.Mounts = []MountPoint{{"docker", "/var/run/docker.sock", false}, {"local", "/local", false}}
	for _, s := range in.Shared {
		p.Volumes, p.Mounts = append(p.Volumes, s.volume), append(p.Mounts, MountPoint{s.volume.Name, s.Path, false})
	}
	d.Retry = RetryStrategy{in.Attempts, retryRules()}
	d.Timeout.Seconds = int64((in.Walltime + TimeoutMargin).Seconds())
	return d, nil
}

func (in DefinitionInput) validate() error {
	for _, f := range []struct{ flag, value string }{{"name", in.Name}, {"image", in.Image}} {
		if f.value == "" {
			return cause.Fail(cause.Usage, "ferry jobdef --name NAME --image TRANSFER_IMAGE", "--%s is missing", f.flag)
		}
	}
	for _, f := range []struct{ flag, value string }{{"local-prefix", in.LocalPrefix}, {"docker-socket", in.DockerSocket}} {
		if !path.IsAbs(f.value) {
			return cause.Fail(cause.Usage, "", "--%s: %q is not an absolute path", f.flag, f.value)
		}
	}
	if in.Positional && len(in.Options) > 0 {
		return cause.Fail(cause.Usage, "", "--positional is for a server, which describes its jobs itself")
	}
	if in.Attempts < 1 || in.Attempts > maxAttempts {
		return cause.Fail(cause.Usage, "", "--attempts: %d is not from 1 to %d", in.Attempts, maxAttempts)
	}
	if in.Walltime < minTimeout {
		return cause.Fail(cause.Usage, "", "--walltime: %v is less than the minute that AWS Batch can count", in.Walltime)
	}
	return nil
}

func (in DefinitionInput) resources() ([]ResourceNeed, error) {
	var all []ResourceNeed
	for _, r := range []struct{ flag, kind, value string }{{"vcpus", "VCPU", in.VCPUs}, {"memory", "MEMORY", in.Memory}, {"gpus", "GPU", in.GPUs}} {
		if r.value == "" {
			continue
		}
		if n, err := strconv.Atoi(r.value); err != nil || n < 1 {
			return nil, cause.Fail(cause.Usage, "", "--%s: %q is not a number from 1", r.flag, r.value)
		}
		all = append(all, ResourceNeed{r.kind, r.value})
	}
	return all, nil
}

func (in DefinitionInput) environment() ([]NameValue, error) {
	all := []NameValue{{"FERRY_LOG_FORMAT", "json"}}
	for _, v := range in.Env {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, cause.Fail(cause.Usage, "", "--env: %q is not NAME=VALUE", v)
		}
		all = append(all, NameValue{name, value})
	}
	return all, nil
}

// retryRules let Batch try again what the node ended, and what ferry's exit code calls safe to try again. The first rule that
// matches counts. A module has no say: where its own code is one of these, ferry exits with another (wrapper.Outcome). Batch takes
// five rules at most.
func retryRules() []RetryRule {
	rules := []RetryRule{{Status: "Host EC2*", Action: "RETRY"}} // the node went away: a spot instance reclaimed, for instance
	for _, code := range cause.AgainCodes() {
		rules = append(rules, RetryRule{Code: strconv.Itoa(code), Action: "RETRY"})
	}
	return append(rules,
		RetryRule{Reason: "Cannot*", Action: "RETRY"}, // CannotPullContainerError and others like it: ferry itself never began
		RetryRule{Reason: "*", Action: "EXIT"},        // a module that fails once fails again
	)
}
