package wrapper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
)

// Labels of the containers that ferry makes, by which a later ferry finds those of a killed one.
const (
	LabelJob     = "ferry.job"
	LabelAttempt = "ferry.attempt"
	LabelOwner   = "ferry.owner" // what the engine's host calls the attempt's root
	LabelKeep    = "ferry.keep"  // set where the container is to stay after the job
)

// defaultPIDs bounds the module's processes where nothing else does: far above what tools need, below what stops a node.
const defaultPIDs = 32768

// launch starts exec.sh in the module container.
func (a *attempt) launch(ctx context.Context) error {
	st, err := a.root.Stat(inRoot(a.Exec))
	if err != nil || !st.Mode().IsRegular() {
		if len(a.Command) == 0 && !a.execOnNode() {
			return cause.Fail(cause.Launch, "was it uploaded?", "there is no script %s", a.Exec)
		}
	}
	// What stage in brought, by a sync script for instance, is not this attempt's.
	if err := a.root.RemoveAll(inRoot(a.Files.ExitCode)); err != nil {
		return cause.Fail(cause.Internal, "", "removing an older exit code: %w", err)
	}
	if err := a.giveDirs(); err != nil {
		return err
	}
	if err := a.writeContainerUsed(); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	if err := a.place.fill(ctx); err != nil {
		return err
	}
	err = a.container.Start(ctx, io.MultiWriter(a.logs.out, lossy{a.Stdout}), io.MultiWriter(a.logs.err, lossy{a.Stderr}))
	return cause.Name(ctx, cause.Launch, "", err)
}

// execOnNode says that exec.sh lies in a directory of the node, where ferry cannot look.
func (a *attempt) execOnNode() bool {
	return slices.ContainsFunc(a.Mounts, func(m Mount) bool { return m.Host != "" && subpath.Within(m.Path, a.Exec) })
}

func (a *attempt) labels() map[string]string {
	l := map[string]string{LabelJob: a.ID, LabelAttempt: strconv.Itoa(a.Attempt), LabelOwner: a.host, commit.LabelContainer: a.origin()}
	if a.Keep {
		l[LabelKeep] = "true"
	}
	return l
}

// spec is the container to make.
func (a *attempt) spec() engine.Spec {
	return engine.Spec{
		Name:    a.containerName(),
		Image:   a.image,
		Command: a.command(),
		Env:     a.Env,
		Workdir: a.Workdir,
		User:    a.runAs(),
		Mounts:  a.place.mounts(),
		Labels:  a.labels(),
		Network: a.Network,
		CapAdd:  a.CapAdd,
		Limits:  a.limits(),
	}
}

// command is what runs in the container.
func (a *attempt) command() []string {
	run := a.Command
	if len(run) == 0 {
		run = append([]string{a.shell, a.Exec}, a.Args...)
	}
	if a.Launch == "" {
		return run
	}
	return append([]string{a.shell, "-c", a.Launch, "ferry"}, run...)
}

// containerName tells people which job it is; the hash keeps jobs of different local prefixes, which may have one id, apart.
func (a *attempt) containerName() string {
	sum := sha256.Sum256([]byte(a.host))
	return fmt.Sprintf("ferry-%s.%d-%s", unusable.ReplaceAllString(a.ID, "_"), a.Attempt, hex.EncodeToString(sum[:4]))
}

// runAs is the user for the engine, "" for the image's own.
func (a *attempt) runAs() string {
	if a.User == UserImage {
		return ""
	}
	return a.moduleUser()
}

// rootMounts are what the module sees, outer directories first so that inner ones are laid over them.
func (a *attempt) rootMounts() []engine.Mount {
	var all []engine.Mount
	for _, d := range a.seenDirs() {
		all = append(all, engine.Mount{Source: path.Join(a.host, inRoot(d)), Target: d, ReadOnly: a.ReadOnlyInputs && !a.writable(d)})
	}
	for _, m := range a.Mounts {
		if m.Host != "" {
			all = append(all, engine.Mount{Source: m.Host, Target: m.Path, ReadOnly: !m.Writable})
		}
	}
	slices.SortStableFunc(all, func(x, y engine.Mount) int { return len(x.Target) - len(y.Target) })
	return all
}

// writable says which directories the module may write even where inputs are read-only.
func (a *attempt) writable(d string) bool {
	return d == a.Workdir || d == a.MetadataDir || d == a.ModuleDir || slices.Contains(a.Outputs, d)
}

// limits are the job's own, else those of ferry's own container: the module stands beside it, not in it, and would
// escape them.
func (a *attempt) limits() engine.Limits {
	var l engine.Limits
	if a.self != nil {
		l = a.self.Limits
	}
	if a.Limits.Memory > 0 {
		l.Memory = a.Limits.Memory
	}
	if a.Limits.CPUs > 0 {
		l.NanoCPUs = int64(a.Limits.CPUs * 1e9)
	}
	if a.Limits.PIDs > 0 {
		l.PIDs = a.Limits.PIDs
	}
	if l.PIDs == 0 {
		l.PIDs = defaultPIDs
	}
	if a.Limits.GPUs != "" {
		l.GPUs, l.Runtime = a.Limits.GPUs, ""
	}
	return l
}

func (a *attempt) writeContainerUsed() error {
	used, err := json.Marshal(map[string]string{
		"image": a.Image, "image_id": a.image.ID, "image_digest": a.image.Digest, "container_id": a.container.ID(),
	})
	if err != nil {
		return err
	}
	return a.writeFile(path.Join(a.MetadataDir, containerName), append(used, '\n'))
}

// lossy is a writer whose reader may go away without stopping the module.
type lossy struct{ w io.Writer }

func (l lossy) Write(p []byte) (int, error) {
	if l.w != nil {
		_, _ = l.w.Write(p)
	}
	return len(p), nil
}
