package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
)

// Describe makes a Job of settings, and validates it. lookup reads ferry's environment, for --env NAME alone. The error has the
// cause cause.Usage, and names the flag, variable or key at fault. Describe reads nothing else and writes nothing.
func (v Vocabulary) Describe(s Settings, lookup func(string) (string, bool)) (Job, error) {
	d := &describer{lookup: lookup, job: defaults()}
	s, err := s.child()
	if err != nil {
		return Job{}, err
	}
	known := map[string]bool{}
	for _, o := range v.Options() {
		known[o.Name] = true
		given, ok := s[o.Name]
		if !ok {
			continue
		}
		if err := o.set(d, given.Values); err != nil {
			return Job{}, cause.Fail(cause.Usage, cause.HintOf(err), "%s: %w", given.From, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !known[name] {
			return Job{}, cause.Fail(cause.Usage, "ferry run --help lists what there is", "%s: no such option", s[name].From)
		}
	}
	if err := v.CheckImage(d.job.Container.Engine, d.job.Container.Image); err != nil {
		return Job{}, cause.Fail(cause.Usage, cause.HintOf(err), "%s: %w", s["image"].From, err)
	}
	return d.complete()
}

// CheckImage says whether an image has a name of a form that the engine takes. "" is none that could be wrong.
func (v Vocabulary) CheckImage(engine, image string) error {
	if image == "" {
		return nil
	}
	if check := v.Image[engine]; check != nil {
		return check(image)
	}
	return isReference(image)
}

// Glimpse makes a Job of settings that Describe refused, as far as they can be read. That is enough to tell those who wait for the
// job that it was refused. It is false where the settings do not say where the job's files are.
func (v Vocabulary) Glimpse(s Settings) (Job, bool) {
	d := &describer{lookup: func(string) (string, bool) { return "", false }, job: defaults()}
	s, _ = s.child() // what is wrong is told already
	for _, o := range v.Options() {
		if given, ok := s[o.Name]; ok {
			_ = o.set(d, given.Values) // what is wrong is told already
		}
	}
	known := d.job.Remote != "" && (d.job.Dirs.Metadata != "" || d.job.Dirs.Work != "")
	return d.fill(), known
}

func defaults() Job {
	return Job{
		Walltime: 24 * time.Hour, Grace: 25 * time.Second,
		Identity:  Identity{Attempt: 1},
		Container: Container{Engine: EngineDocker, Network: NetworkOwn, Placement: PlaceMount},
		Freeze:    Freeze{Frozen: FrozenNever},
		Files:     Files{Stdout: "stdout.txt", Stderr: "stderr.txt", ExitCode: "exit_code.txt"},
	}
}

// fill gives each option that was left out the value that follows from the others.
func (d *describer) fill() Job {
	j := d.job
	if j.LocalPrefix == "" && !j.Dirs.InPlace {
		j.LocalPrefix = "/local"
	}
	if j.Container.User == "" {
		j.Container.User = UserImage
		if j.Dirs.InPlace {
			j.Container.User = UserCaller
		}
	}
	if j.Dirs.Metadata == "" {
		j.Dirs.Metadata = path.Join(j.Dirs.Work, ".gp_metadata")
	}
	if j.Program.Exec == "" {
		j.Program.Exec = path.Join(j.Dirs.Metadata, "exec.sh")
	}
	if j.Identity.ID == "" {
		sum := sha256.Sum256([]byte(j.Remote + "\x00" + j.Dirs.Work))
		id := Usable(path.Base(j.Dirs.Work)) + "-" + hex.EncodeToString(sum[:4])
		j.Identity.ID = strings.TrimLeft(id, "._-")
	}
	for _, p := range []*string{&j.Files.Stdout, &j.Files.Stderr, &j.Files.ExitCode} {
		if !strings.HasPrefix(*p, "/") {
			*p = path.Join(j.Dirs.Metadata, *p)
		}
	}
	for _, list := range []*[]Input{&j.Dirs.Inputs, &j.Dirs.Libraries} {
		*list = slices.Clone(*list)
		for i, in := range *list {
			switch {
			case in.URL == "":
				in.URL = j.URL(in.Path)
			case !strings.Contains(in.URL, "://"):
				in.URL = j.URL(path.Join("/", in.URL))
			}
			(*list)[i] = in
		}
	}
	return j
}

// complete checks what only several options together show, and fills in the rest.
func (d *describer) complete() (Job, error) {
	j := d.job
	for _, need := range []struct{ value, flag, hint string }{
		{j.Remote, "remote", "such as --remote s3://bucket/prefix"},
		{j.Container.Image, "image", "such as --image debian:12"},
		{j.Dirs.Work, "workdir", "such as --workdir /jobs/1"},
	} {
		if need.value == "" && !(need.flag == "image" && j.Container.Engine == EngineProcess) && !(need.flag == "remote" && j.Dirs.InPlace) {
			return Job{}, cause.Fail(cause.Usage, need.hint, "--%s is missing (or FERRY_%s)", need.flag, EnvName(need.flag))
		}
	}
	if j.Dirs.InPlace {
		if err := j.checkInPlace(); err != nil {
			return Job{}, &cause.Error{Cause: cause.Usage, Err: err}
		}
	}
	j = d.fill()
	if err := j.checkDirs(); err != nil {
		return Job{}, &cause.Error{Cause: cause.Usage, Err: err}
	}
	return j, nil
}

// unusable are the characters that a name of a directory or a container cannot have in every system.
var unusable = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// Usable is s with a "_" in place of each character that a name of a directory or a container may not have.
func Usable(s string) string { return unusable.ReplaceAllString(s, "_") }

// EnvName is the name of a flag's variable, without FERRY_.
func EnvName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

// checkDirs refuses a description in which one directory has two purposes, or in which the module could not see its script.
func (j *Job) checkDirs() error {
	if j.Dirs.Metadata == j.Dirs.Work {
		return errors.New("--metadata-dir and --workdir are the same directory")
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host != "" && slices.Contains(j.Transferred(), m.Path) {
			return fmt.Errorf("--mount %s:%s covers a directory that is synced", m.Host, m.Path)
		}
	}
	for _, dir := range j.Rooted() {
		if subpath.Within(dir, j.Program.Exec) {
			return nil
		}
	}
	if j.ScriptOnNode() {
		return nil
	}
	return fmt.Errorf("--exec %s lies in no directory of the job", j.Program.Exec)
}
