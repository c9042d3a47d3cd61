package wrapper

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Plan prints what Run would do, and does none of it: nothing is made on disk or in the engine. It asks the engine only
// where ferry itself is in a container, for the mounts.
func Plan(ctx context.Context, job Job, deps Deps) Outcome {
	a := &attempt{Job: job, Deps: deps, rec: newRecord(job, deps.Version)}
	a.place = a.newPlace()
	if err := a.guard(func() error { return a.plan(ctx) }); err != nil {
		return outcomeOf(err)
	}
	return Outcome{}
}

func (a *attempt) plan(ctx context.Context) (err error) {
	if a.store, a.prefix, err = a.Open(ctx, a.Remote); err != nil {
		return err
	}
	hostPrefix, err := a.findHost(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s.%d", a.ID, a.Attempt)
	a.dir, a.host = path.Join(a.LocalPrefix, name), path.Join(hostPrefix, name)
	w := a.Stdout
	fmt.Fprintf(w, "job        %s, attempt %d\n", a.ID, a.Attempt)
	fmt.Fprintf(w, "root       %s (on the host: %s)\n", a.dir, a.host)
	fmt.Fprintf(w, "image      %s\n", a.Image)
	fmt.Fprintf(w, "stage in   %s -> %s\n", a.url(a.key(Dir{Path: a.MetadataDir})), a.MetadataDir)
	for _, d := range a.toStage() {
		fmt.Fprintf(w, "stage in   %s -> %s\n", a.url(a.key(d)), d.Path)
	}
	if a.SyncScript != "" {
		fmt.Fprintf(w, "stage in   as %s says\n", path.Join(a.MetadataDir, a.SyncScript))
	}
	a.planMounts(w)
	a.shell = "bash" // or sh, which is known once the image is here
	fmt.Fprintf(w, "command    %s\n", quoted(a.command()))
	if a.needsShell() {
		fmt.Fprintln(w, "           with sh where the image has no bash")
	}
	fmt.Fprintf(w, "workdir    %s\n", a.Workdir)
	fmt.Fprintf(w, "user       %s, network %s, capabilities %s\n", a.User, a.Network, orNone(a.CapAdd))
	l := a.limits()
	fmt.Fprintf(w, "limits     memory %s, cpus %s, pids %d, gpus %s, walltime %v\n",
		orUnlimited(l.Memory), cores(l.NanoCPUs), l.PIDs, orNone([]string{l.GPUs}), a.Walltime)
	for _, v := range a.Env {
		n, _, _ := strings.Cut(v, "=")
		fmt.Fprintf(w, "env        %s=…\n", n)
	}
	for _, d := range a.outputDirs() {
		fmt.Fprintf(w, "stage out  %s -> %s\n", d.Path, a.url(a.key(d)))
	}
	return nil
}

func (a *attempt) planMounts(w io.Writer) {
	for _, m := range a.place.mounts() {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		fmt.Fprintf(w, "mount      %s -> %s (%s)\n", m.Source, m.Target, mode)
	}
}

// quoted is a command as a person would type it.
func quoted(command []string) string {
	words := make([]string, len(command))
	for i, w := range command {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\$`*?[]{}()<>|&;#~") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

func cores(nano int64) string {
	if nano == 0 {
		return "unlimited"
	}
	return strconv.FormatFloat(float64(nano)/1e9, 'g', -1, 64)
}

func orNone(s []string) string {
	if t := strings.Join(s, " "); t != "" {
		return t
	}
	return "none"
}

func orUnlimited(n int64) string {
	if n == 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}
