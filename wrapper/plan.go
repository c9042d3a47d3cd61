package wrapper

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/record"
)

// Plan prints what Run would do, and does none of it: nothing is made on disk or in the engine. It asks the engine about
// ferry's own container only, for the mounts.
func Plan(ctx context.Context, j job.Job, deps Deps) Outcome {
	tell := newTeller(record.New(j, deps.Version), deps.Log)
	err := tell.guard(func() error {
		if !j.Dirs.InPlace {
			if _, err := openRemote(ctx, deps.Open, &j); err != nil {
				return err
			}
		}
		paths, err := locate(ctx, &j, deps.Engine, deps.Log)
		if err != nil {
			return err
		}
		printPlan(deps.Stdout, &j, paths)
		return nil
	})
	if err != nil {
		return outcomeOf(err)
	}
	return Outcome{}
}

func printPlan(w io.Writer, j *job.Job, paths rootPaths) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("job", "%s, attempt %d", j.Identity.ID, j.Identity.Attempt)
	if j.Dirs.InPlace {
		line("in place", "nothing is transferred or removed")
	} else {
		line("root", "%s (on the host: %s)", paths.dir, paths.host)
	}
	line("image", "%s", j.Container.Image)
	if !j.Dirs.InPlace {
		line("stage in", "%s -> %s", j.URL(j.Dirs.Metadata), j.Dirs.Metadata)
		for _, in := range j.Staged() {
			line("stage in", "%s -> %s", in.URL, in.Path)
		}
	}
	if j.Files.SyncScript != "" {
		line("stage in", "as %s says", j.Dirs.Metadata+"/"+j.Files.SyncScript)
	}
	for _, m := range mounts(j, paths, j.Rooted()) {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		line("mount", "%s -> %s (%s)", m.Source, m.Target, mode)
	}
	line("command", "%s", quoted(j.Argv("bash"))) // the image may have only sh, which is known once it is pulled
	if j.NeedsShell() {
		line("", "with sh where the image has no bash")
	}
	line("workdir", "%s", j.Dirs.Work)
	c := j.Container
	line("user", "%s, network %s, capabilities %s", c.User, c.Network, orNone(c.CapAdd))
	l := limits(c.Limits, paths.self)
	line("limits", "memory %s, cpus %s, pids %d, gpus %s, walltime %v",
		orUnlimited(l.Memory), cores(l.NanoCPUs), l.PIDs, orNone([]string{l.GPUs}), j.Walltime)
	for _, v := range j.Program.Env {
		name, _, _ := strings.Cut(v, "=")
		line("env", "%s=…", name)
	}
	if !j.Dirs.InPlace {
		for _, d := range j.Results() {
			line("stage out", "%s -> %s", d.Path, d.URL)
		}
	}
}

// quoted is a command as a person would type it into a shell.
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
