// Package schedulers lists the kinds of scheduler. A new kind is a folder that passes schedulertest, and one line here.
package schedulers

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/batch"
	"github.com/genepattern/ferry/scheduler/local"
	"github.com/genepattern/ferry/scheduler/slurm"
)

// All are the kinds, in the order of help texts.
var All = Registry{
	local.Kind,
	batch.Kind,
	slurm.Kind,
}

// A Registry is a list of kinds of scheduler.
type Registry []scheduler.Kind

// Parse splits the value of --to. Its error has the cause usage.
func (r Registry) Parse(target string) (k scheduler.Kind, place string, err error) {
	name, place, _ := strings.Cut(target, ":")
	for _, k := range r {
		if k.Name == name {
			return k, place, nil
		}
	}
	return k, "", cause.Fail(cause.Usage, "there are "+r.Forms(), "no such place to submit to: %q", target)
}

// Open makes the scheduler that a value of --to names. It sends nothing. Its error has the cause usage.
func (r Registry) Open(h scheduler.Host, target string) (scheduler.Scheduler, error) {
	k, place, err := r.Parse(target)
	if err != nil {
		return nil, err
	}
	s, err := k.Open(h, place)
	if err != nil {
		return nil, cause.Name(context.Background(), cause.Usage, "", err)
	}
	return s, nil
}

// Forms are the forms of --to, for help.
func (r Registry) Forms() string {
	var all []string
	for _, k := range r {
		all = append(all, k.Form)
	}
	return strings.Join(all, ", ")
}

// Usage says in one line of help where each kind runs jobs.
func (r Registry) Usage() string {
	var all []string
	for _, k := range r {
		all = append(all, fmt.Sprintf("%s: %s", k.Form, k.Usage))
	}
	return strings.Join(all, "; ")
}

// Options are those of all kinds.
func (r Registry) Options() []scheduler.Option {
	var all []scheduler.Option
	for _, k := range r {
		all = append(all, k.Options...)
	}
	return all
}

// ServeCommand is the command of ferry by which a local job's process starts, Serve is what it does, and Exec a part of that.
const ServeCommand = local.ServeCommand

// A Runner is local.Runner.
type Runner = local.Runner

// Serve is local.Serve.
func Serve(dir string, r Runner) (int, error) { return local.Serve(dir, r) }

// Exec is local.Exec.
func Exec(ctx context.Context, executable, handle string, index int, log *os.File) int {
	return local.Exec(ctx, executable, handle, index, log)
}
