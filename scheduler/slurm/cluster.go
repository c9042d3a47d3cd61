package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/job/execsh"
	"github.com/genepattern/ferry/scheduler"
)

// Kind is Slurm.
var Kind = scheduler.Kind{
	Name: "slurm", Form: "slurm[:PARTITION]", Usage: "Slurm", InPlace: true,
	Options: []scheduler.Option{
		{Name: "node-ferry", Arg: "PATH", Usage: "PATH of ferry on the nodes of Slurm; by default that of this ferry, on a shared file system"},
		{Name: "sbatch-option", Arg: "OPTION", Usage: "OPTION for sbatch, such as --account=lab", Repeat: true},
	},
	Open: func(h scheduler.Host, place string) (scheduler.Scheduler, error) {
		for _, o := range h.Settings["sbatch-option"] {
			if !strings.HasPrefix(o, "--") {
				return nil, cause.Fail(cause.Usage, "such as --sbatch-option=--account=lab", "--sbatch-option: %q does not begin with --", o)
			}
		}
		return &Cluster{Partition: place, Host: h}, nil
	},
}

// A Cluster is one that this machine's Slurm commands speak to. It is safe for concurrent use.
type Cluster struct {
	Partition string // "" for the cluster's default
	Host      scheduler.Host

	noJSON atomic.Bool // its scontrol has none
}

var (
	_ scheduler.Scheduler = (*Cluster)(nil)
	_ scheduler.Logger    = (*Cluster)(nil)
)

// timeMargin is what Slurm's limit leaves above the module's walltime, for staging in and out.
const timeMargin = 30 * time.Minute

// Submit submits the script by sbatch.
func (c *Cluster) Submit(ctx context.Context, t scheduler.Task) (string, error) {
	logs := c.logDir()
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return "", fmt.Errorf("making the directory of Slurm's output: %w", err)
	}
	out, err := c.run(ctx, c.script(t), "sbatch", c.options(t, logs)...)
	if err != nil {
		return "", c.explain(ctx, err)
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // ID, or ID;CLUSTER
	if !isID(id) {
		return "", fmt.Errorf("sbatch says %q, which is no job's id", out)
	}
	return id, nil
}

// logDir is where nodes write what ferry says: below the user's home, which a cluster shares.
func (c *Cluster) logDir() string { return filepath.Join(c.Host.State, "slurm") }

// script runs ferry in the place of the shell, so that it gets the signals that Slurm sends the script.
func (c *Cluster) script(t scheduler.Task) string {
	ferry := c.Host.Setting("node-ferry")
	if ferry == "" {
		ferry = c.Host.Executable
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\nexport FERRY_ATTEMPT=$((${SLURM_RESTART_COUNT:-0} + 1))\n")
	for _, kv := range t.Env {
		fmt.Fprintf(&b, "export %s\n", execsh.Quote(kv))
	}
	fmt.Fprintf(&b, "exec %s run --handle %s\n", execsh.Quote(ferry), execsh.Quote(t.Handle))
	return b.String()
}

func (c *Cluster) options(t scheduler.Task, logs string) []string {
	n := t.Needs
	o := []string{"--parsable", "--job-name=" + t.Name}
	if t.Title != "" {
		o = append(o, "--comment="+t.Title)
	}
	if c.Partition != "" {
		o = append(o, "--partition="+c.Partition)
	}
	if n.CPUs > 0 {
		o = append(o, "--cpus-per-task="+strconv.Itoa(int(math.Ceil(n.CPUs))))
	}
	if n.Memory > 0 {
		o = append(o, "--mem="+strconv.FormatInt((n.Memory+1<<20-1)>>20, 10)+"M")
	}
	if n.GPUs > 0 {
		o = append(o, "--gres=gpu:"+strconv.Itoa(n.GPUs))
	}
	if n.Walltime > 0 {
		o = append(o, "--time="+strconv.Itoa(int(math.Ceil((n.Walltime+timeMargin).Minutes()))))
	}
	// Before Slurm ends a job at its limit or for another, it tells the script, which is ferry: then there is time to stage out.
	o = append(o, "--signal=B:TERM@"+strconv.Itoa(int(max(n.Grace.Seconds(), 60))))
	if t.Children == nil {
		return append(append(o, "--output="+filepath.Join(logs, "%j.out")), c.Host.Settings["sbatch-option"]...)
	}
	array := "--array=" + ranges(t.Children)
	if t.Parallel > 0 {
		array += "%" + strconv.Itoa(t.Parallel)
	}
	return append(append(o, array, "--output="+filepath.Join(logs, "%A.%a.out")), c.Host.Settings["sbatch-option"]...)
}

// ranges are ascending indices as sbatch takes them: 0-9,12.
func ranges(children []int) string {
	var parts []string
	for i := 0; i < len(children); {
		k := i
		for k+1 < len(children) && children[k+1] == children[k]+1 {
			k++
		}
		part := strconv.Itoa(children[i])
		if k > i {
			part += "-" + strconv.Itoa(children[k])
		}
		parts = append(parts, part)
		i = k + 1
	}
	return strings.Join(parts, ",")
}

// Find asks squeue for the name, of jobs that have ended too.
func (c *Cluster) Find(ctx context.Context, name string) (string, error) {
	out, err := c.run(ctx, "", "squeue", "--noheader", "--states=all", "--name="+name, "--format=%F")
	if err != nil {
		return "", err
	}
	for id := range strings.FieldsSeq(out) {
		return id, nil
	}
	return "", scheduler.ErrUnknown
}

// Cancel tells ferry to end where it runs, and removes what waits.
func (c *Cluster) Cancel(ctx context.Context, id string) error {
	if _, err := c.tasks(ctx, id); err != nil {
		return err
	}
	for _, how := range [][]string{{"--state=PENDING"}, {"--state=RUNNING", "--batch", "--signal=TERM"}} {
		if _, err := c.run(ctx, "", "scancel", append(how, id)...); err != nil && !c.endsSoon(ctx, id) {
			return err
		}
	}
	return nil
}

// endTime is how long a job may take from the end of its script to Slurm's word that it has ended: a message from node to
// controller, and the node's epilog.
const endTime = 10 * time.Second

// endsSoon reports whether a job that took no signal has ended. Between the end of its script and Slurm's word of it, a job still
// runs and takes no signal.
func (c *Cluster) endsSoon(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	for {
		tasks, err := c.tasks(ctx, id)
		if err == nil && !slices.ContainsFunc(tasks, func(t task) bool { return !t.phase().Ended() }) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(endTime / 40):
		}
	}
}

// Log reads the file that the job's output goes to.
func (c *Cluster) Log(ctx context.Context, id string, children []int, place int, most int64) (string, error) {
	tasks, err := c.tasks(ctx, id)
	if err != nil {
		return "", err
	}
	name := tasks[0].fields["StdOut"]
	if place >= 0 {
		name = filepath.Join(c.logDir(), id+"."+strconv.Itoa(children[place])+".out")
	}
	data, err := bounded.Tail(name, most)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

var idForm = regexp.MustCompile(`^[0-9]{1,18}$`)

func isID(s string) bool { return idForm.MatchString(s) }

// A commandError is what a command of Slurm says when it fails.
type commandError struct{ name, text string }

func (e *commandError) Error() string { return e.name + ": " + e.text }

// run runs one command of Slurm, and gives its output.
func (c *Cluster) run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(slices.Clip(c.Host.Environ), "SLURM_BITSTR_LEN=0") // else long lists of children are cut
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", cause.Fail(cause.Usage, "submit on a machine of the cluster", "there is no %s here", name)
	case errors.As(err, &ended):
		text := strings.TrimSpace(strings.ReplaceAll(stderr.String(), "\n", "; "))
		return "", &commandError{name, strings.TrimSpace(strings.TrimPrefix(text, name+": error: "))}
	}
	return stdout.String(), err
}

// explain adds what a user can do about a refusal of sbatch.
func (c *Cluster) explain(ctx context.Context, err error) error {
	var said *commandError
	if !errors.As(err, &said) || !strings.Contains(said.text, "partition") {
		return err
	}
	names, e := c.run(ctx, "", "sinfo", "--noheader", "--format=%R")
	if e != nil {
		return err
	}
	return cause.Fail(cause.Usage, "there are the partitions "+strings.Join(strings.Fields(names), ", "), "%w", err)
}
