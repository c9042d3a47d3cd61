package wrapper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
)

// Describe makes the validated Job out of settings. lookup is ferry's environment, for --env NAME; nothing else of it is
// read. The error's cause is cause.Usage and it names the flag, variable or key at fault. Nothing is touched.
func Describe(s Settings, lookup func(string) (string, bool)) (Job, error) {
	d := &describer{lookup: lookup, Job: defaults()}
	known := map[string]bool{}
	for _, o := range Options {
		known[o.Name] = true
		v, ok := s[o.Name]
		if !ok {
			continue
		}
		if err := o.set(d, v.Values); err != nil {
			return Job{}, cause.Fail(cause.Usage, "", "%s: %w", v.From, err)
		}
	}
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !known[name] {
			return Job{}, cause.Fail(cause.Usage, "ferry run --help lists what there is", "%s: no such option", s[name].From)
		}
	}
	return d.complete()
}

func defaults() Job {
	return Job{
		LocalPrefix: "/local", Attempt: 1, User: UserImage, Network: "bridge", Stage: StageMount, Frozen: FrozenNever, RunsIn: EngineDocker,
		Walltime: 24 * time.Hour, Grace: 25 * time.Second,
		Files: Files{Stdout: "stdout.txt", Stderr: "stderr.txt", ExitCode: "exit_code.txt"},
	}
}

// fill gives what was left out the value that follows from the rest.
func (d *describer) fill() Job {
	j := d.Job
	if j.MetadataDir == "" {
		j.MetadataDir = path.Join(j.Workdir, ".gp_metadata")
	}
	if j.Exec == "" {
		j.Exec = path.Join(j.MetadataDir, "exec.sh")
	}
	if j.ID == "" {
		sum := sha256.Sum256([]byte(j.Remote + "\x00" + j.Workdir))
		j.ID = unusable.ReplaceAllString(path.Base(j.Workdir), "_") + "-" + hex.EncodeToString(sum[:4])
		j.ID = strings.TrimLeft(j.ID, "._-")
	}
	for _, p := range []*string{&j.Files.Stdout, &j.Files.Stderr, &j.Files.ExitCode} {
		if !strings.HasPrefix(*p, "/") {
			*p = path.Join(j.MetadataDir, *p)
		}
	}
	return j
}

// complete checks what no single value shows.
func (d *describer) complete() (Job, error) {
	j := d.Job
	for _, need := range []struct{ value, flag, hint string }{
		{j.Remote, "remote", "such as --remote s3://bucket/prefix"},
		{j.Image, "image", "such as --image debian:12"},
		{j.Workdir, "workdir", "such as --workdir /jobs/1"},
	} {
		if need.value == "" && !(need.flag == "image" && j.RunsIn == EngineProcess) {
			return Job{}, cause.Fail(cause.Usage, need.hint, "--%s is missing (or FERRY_%s)", need.flag, EnvName(need.flag))
		}
	}
	j = d.fill()
	if err := j.checkDirs(); err != nil {
		return Job{}, &cause.Error{Cause: cause.Usage, Err: err}
	}
	return j, nil
}

var unusable = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// EnvName is the part after FERRY_ of the variable that stands for a flag.
func EnvName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

// checkDirs refuses a description in which one directory has two meanings, or a file lies where the module could not
// see it.
func (j *Job) checkDirs() error {
	if j.MetadataDir == j.Workdir {
		return errors.New("--metadata-dir and --workdir are the same directory")
	}
	for _, m := range j.Mounts {
		if m.Host != "" && slices.Contains(j.staged(), m.Path) {
			return fmt.Errorf("--mount %s:%s covers a directory that is synced", m.Host, m.Path)
		}
	}
	for _, dir := range j.mountDirs() {
		if subpath.Within(dir, j.Exec) {
			return nil
		}
	}
	for _, m := range j.Mounts {
		if subpath.Within(m.Path, j.Exec) {
			return nil
		}
	}
	return fmt.Errorf("--exec %s lies in no directory of the job", j.Exec)
}

// staged are the directories that are transferred, each once.
func (j *Job) staged() []string {
	all := []string{j.Workdir, j.MetadataDir}
	if j.ModuleDir != "" {
		all = append(all, j.ModuleDir)
	}
	for _, d := range slices.Concat(j.Inputs, j.Libraries) {
		all = append(all, d.Path)
	}
	all = append(all, j.Outputs...)
	sort.Strings(all)
	return slices.Compact(all)
}

// mountDirs are the directories of the attempt's root that the module sees.
func (j *Job) mountDirs() []string {
	all := j.staged()
	for _, m := range j.Mounts {
		if m.Host == "" {
			all = append(all, m.Path)
		}
	}
	sort.Strings(all)
	return slices.Compact(all)
}
