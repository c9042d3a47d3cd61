package platform

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// An Input is what a definition is made from. Each field but Job and Options is the flag of `ferry jobdef` with its name.
type Input struct {
	Name, Image     string   // required; Image is the transfer image
	Job             job.Job  // that Options describe
	Options         []string // of `ferry run`, as they were given
	Env             []string // NAME=VALUE for ferry's own containers
	Attempts        int
	Role            string // batch-containers: ARN of the role that jobs run with
	Secret          string // kubernetes: whose keys become variables of ferry's own containers
	ServiceAccount  string // kubernetes
	Claim           string // kubernetes: a volume claim in the place of a directory of the node
	Parts           string // PartsMount, PartsLink, or "" for what the platform does best
	TransferNetwork string // compose: of ferry's own containers
}

// How the module finds the job's directories.
const (
	PartsMount = "mount" // each is a mount of a part of the volume
	PartsLink  = "link"  // the whole volume is mounted, and `ferry exec` makes links into it
)

// Define prints the definition of a job. Its errors have a cause, and name the flag that is wrong.
func (p Platform) Define(in Input) (string, error) {
	for _, need := range []struct{ flag, value string }{{"name", in.Name}, {"image", in.Image}} {
		if need.value == "" {
			return "", cause.Fail(cause.Usage, "ferry jobdef --for "+p.Name+" --name NAME --image TRANSFER_IMAGE -- OPTIONS OF ferry run", "--%s is missing", need.flag)
		}
	}
	if in.Parts != "" && in.Parts != PartsMount && in.Parts != PartsLink {
		return "", cause.Fail(cause.Usage, "", "--parts: %q is neither %s nor %s", in.Parts, PartsMount, PartsLink)
	}
	if in.Job.Dirs.InPlace {
		return "", cause.Fail(cause.Usage, "--for batch takes it", "--in-place: there is nothing to stage, and so no three containers are needed")
	}
	c := in.Job.Container
	has := p.Enforces
	if in.Parts == PartsMount {
		has.ReadOnly = true
	} else if in.Parts == PartsLink {
		has.ReadOnly = false
	}
	wanted := engine.Wanted{Limits: engine.Limits{Memory: c.Limits.Memory, NanoCPUs: int64(c.Limits.CPUs * 1e9), PIDs: c.Limits.PIDs, GPUs: c.Limits.GPUs},
		Network: c.Network, ReadOnlyInputs: c.ReadOnlyInputs}
	warnings, err := engine.Check(engine.Info{Name: p.Name, Enforces: has}, wanted)
	if err == nil && len(warnings) > 0 { // who writes a definition can do without, and nobody reads a warning later
		err = cause.Fail(cause.Refused, "leave it out, or set it for the platform by other means", "%s", strings.Join(warnings, "; "))
	}
	if err != nil {
		return "", err
	}
	return p.define(in)
}

// volume is where the volume is in every container.
func (in Input) volume() string { return in.Job.LocalPrefix }

func (in Input) relay() string { return path.Join(in.volume(), RelayDir) }

// ferry is the command of one of ferry's own containers.
func (in Input) ferry(part, platform string, own ...string) []string {
	return slices.Concat([]string{part, "--platform", platform}, own, in.Options)
}

// exec is the command of the module's container.
func (in Input) exec() []string { return []string{path.Join(in.relay(), "ferry"), "exec"} }

// env are the variables of ferry's own containers.
func (in Input) env() ([]string, error) {
	all := []string{"FERRY_LOG_FORMAT=json"}
	for _, v := range in.Env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return nil, cause.Fail(cause.Usage, "", "--env: %q is not NAME=VALUE", v)
		}
		all = append(all, v)
	}
	return all, nil
}

// user is who the module's container runs as; "" for the image's user.
func (in Input) user() string {
	if u := in.Job.Container.User; u != job.UserImage {
		return u
	}
	return ""
}

// capabilities are those of the module's container. To make links in an image whose root directory nobody may write, as many have it,
// `ferry exec` needs one more; it gives that up before the module begins.
func (in Input) capabilities(parts string) []string {
	all := slices.Clone(in.Job.Container.CapAdd)
	if parts == PartsLink && !slices.Contains(all, "DAC_OVERRIDE") {
		all = append(all, "DAC_OVERRIDE")
	}
	return all
}

// A part is one of the job's directories on the volume.
type part struct {
	path     string
	readOnly bool
}

// parts are the job's directories that need a mount of their own.
func (in Input) parts() (all []part) {
	j := in.Job
	rooted := j.Rooted()
	slices.SortStableFunc(rooted, func(a, b string) int { return len(a) - len(b) })
	for _, p := range rooted {
		x := part{p, j.Container.ReadOnlyInputs && !j.Writable(p)}
		if !slices.ContainsFunc(all, func(o part) bool { return subpath.Within(o.path, p) && o.readOnly == x.readOnly }) {
			all = append(all, x)
		}
	}
	return all
}

// seconds is a time in whole seconds, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// killTime is what a platform gives a container beyond the job's grace time.
const killTime = 5 * time.Second

// margin is what a limit of the whole job leaves above the module's walltime, for staging in and out.
const margin = 30 * time.Minute

// defaultPIDs bounds the module's processes and threads, as `ferry run` does.
const defaultPIDs = 32768

// comment is what a definition begins with.
func comment(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(l, "\n", " "))
	}
	return b.String()
}
