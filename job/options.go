package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Option is one flag of `ferry run`. A key of the job file has the same name. The environment variable has it in capitals, after
// FERRY_.
type Option struct {
	Name    string
	Arg     string // what the value is called in help; "" for a switch
	Repeat  bool
	Default string // in the words of the help text; "" for none
	Usage   string
	Hidden  bool // help and docs do not show it
	set     setter
}

// option is one row of the table.
func option(name, arg string, repeat bool, standard, usage string, set setter) Option {
	return Option{Name: name, Arg: arg, Repeat: repeat, Default: standard, Usage: usage, set: set}
}

// Bool reports whether the option is a switch: it takes true or false, and alone means true.
func (o Option) Bool() bool { return o.Arg == "" }

// A Vocabulary has the names that a description may use and that only other packages know. Its functions are safe for concurrent
// use.
type Vocabulary struct {
	Engines []string           // names for --engine, the default first
	Root    func(string) error // says what is wrong with a remote root's URL; sends nothing
	Source  func(string) error // says what is wrong with an input's URL; sends nothing
	Stores  []StoreOption      // the options of all kinds of store
	// Image says what is wrong with an image's name, by the name of the engine that is to run it. Where an engine has no entry, the name is
	// a registry's reference.
	Image map[string]func(string) error
}

// A StoreOption is an option of some kind of store. Only that kind knows what the option means.
type StoreOption struct {
	Name, Arg, Usage string
	Hidden           bool
	Check            func(value string) error
}

// option is an Option that puts its value into Job.Store.
func (s StoreOption) option() Option {
	return Option{Name: s.Name, Arg: s.Arg, Usage: s.Usage, Hidden: s.Hidden, set: one(func(d *describer, v string) error {
		if s.Arg == "" {
			on, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", v)
			}
			if !on {
				return nil
			}
		}
		if err := s.Check(v); err != nil {
			return err
		}
		if d.job.Store == nil {
			d.job.Store = map[string]string{}
		}
		d.job.Store[s.Name] = v
		return nil
	})}
}

// Options are all the options of a job, in the order of the help text. Flags, variables, job file and docs are made from this
// table.
func (v Vocabulary) Options() []Option {
	all := []Option{
		option("remote", "URL", false, "", "remote root: s3://bucket/prefix, or a directory", v.remote()),
		option("image", "REF", false, "", "module image", setImage),
		option("engine", strings.Join(v.Engines, "|"), false, EngineDocker, "what runs the module: a container beside ferry (Docker's or Podman's), Apptainer, or ferry's own container", oneOf(func(j *Job) *string { return &j.Container.Engine }, v.Engines...)),
		option("workdir", "DIR", false, "", "working dir, the module's current directory; synced back", pathOf(func(j *Job) *string { return &j.Dirs.Work })),
		option("metadata-dir", "DIR", false, "<workdir>/.gp_metadata", "control directory: exec.sh in, exit code, logs and record out", pathOf(func(j *Job) *string { return &j.Dirs.Metadata })),
		option("module-dir", "DIR", false, "", "tasklib, the module's code", pathOf(func(j *Job) *string { return &j.Dirs.Tasklib })),
		option("input", "PATH[=KEYPREFIX|URL]", true, "", "directory or file synced in and mounted, not synced back", v.inputs(func(j *Job) *[]Input { return &j.Dirs.Inputs })),
		option("library", "DIR[=KEYPREFIX|URL]", true, "", "library directory, synced in and mounted, not synced back", v.inputs(func(j *Job) *[]Input { return &j.Dirs.Libraries })),
		option("output", "DIR", true, "", "directory synced back besides working and metadata dir", setOutputs),
		option("mount", "DIR|HOSTDIR:DIR[:rw]", true, "", "directory mounted but not synced, of the attempt's root or of the node", setMounts),
		option("max-output", "SIZE", false, "the size of the disk they lie on", "results of more than SIZE in all are refused by name, such as 200g", setMaxOutput),
		option("exec", "FILE", false, "<metadata-dir>/exec.sh", "script run in the module container", pathOf(func(j *Job) *string { return &j.Program.Exec })),
		option("local-prefix", "DIR", false, "/local", "where jobs stand on this node", pathOf(func(j *Job) *string { return &j.LocalPrefix })),
		option("job-id", "ID", false, "AWS_BATCH_JOB_ID, or made from remote and workdir", "identity of the job", setID(func(j *Job) *string { return &j.Identity.ID })),
		option("user-id", "ID", false, "", "user the job belongs to; inputs below a path of that name are private", text(func(j *Job) *string { return &j.Identity.User })),
		option("attempt", "N", false, "AWS_BATCH_JOB_ATTEMPT, or 1", "which attempt at this job", setAttempt),
		option(arrayOption, "N|none", false, "AWS_BATCH_JOB_ARRAY_INDEX", "which child of an array job this is; it takes the place of {index} in all options", setIndex),
		option("env", "NAME[=VALUE]", true, "", "variable for the module; without a value it is passed on from ferry's environment", setEnv),
		option("user", "USER", false, UserImage, "who the module runs as: image, caller (the owner of the local prefix; the default with --in-place) or uid:gid", setUser),
		option("memory", "SIZE", false, "as ferry's own container", "memory limit, such as 4g", setMemory),
		option("cpus", "N", false, "as ferry's own container", "CPU limit in cores, such as 1.5", setCPUs),
		option("gpus", "all|none|N|IDS", false, "as ferry's own container", "GPUs the module sees", setGPUs),
		option("pids", "N", false, "as ferry's own container, else 32768", "limit of processes and threads", setPIDs),
		option("walltime", "TIME", false, "24h", "run limit of the module, such as 90m or a number of seconds", duration(func(j *Job) *time.Duration { return &j.Walltime })),
		option("network", "NET", false, NetworkOwn, "ferry (out to the world, but to no other job), none, bridge, host, or a network's name", setNetwork),
		option("cap-add", "CAP", true, "", "give the module one capability back", setCaps),
		option("read-only-inputs", "", false, "false", "mount everything but working, metadata and module dir read-only", flag(func(j *Job) *bool { return &j.Container.ReadOnlyInputs })),
		option("forbid-root", "", false, "false", "refuse an image whose user is root", flag(func(j *Job) *bool { return &j.Container.ForbidRoot })),
		option("stage", "mount|copy", false, PlaceMount, "bind mounts, or copies into the container (for a remote engine)", oneOf(func(j *Job) *string { return &j.Container.Placement }, PlaceMount, PlaceCopy)),
		option("volume", "NAME", false, "", "the engine's volume that is mounted as --local-prefix in ferry's own container: no directory is shared with the engine's host", text(func(j *Job) *string { return &j.Container.Volume })),
		option("in-place", "", false, "false", "the directories are on this node already: mounted where they are, nothing transferred or removed; no --remote", flag(func(j *Job) *bool { return &j.Dirs.InPlace })),
		option("freeze", "NAME", false, "", "after success, commit the container and push it as NAME", text(func(j *Job) *string { return &j.Freeze.Name })),
		option("frozen", "never|prefer", false, FrozenNever, "run a frozen image where there is one", oneOf(func(j *Job) *string { return &j.Freeze.Frozen }, FrozenNever, FrozenPrefer)),
		option("registry", "HOST", false, "", "the one registry that --registry-user is for, such as docker.io", text(func(j *Job) *string { return &j.Registry.Host })),
		option("registry-user", "USER", false, "", "user for the registry of --registry", text(func(j *Job) *string { return &j.Registry.User })),
		option("registry-password-file", "FILE", false, "", "file of ferry's own with that user's password", text(func(j *Job) *string { return &j.Registry.PasswordFile })),
		option("grace", "TIME", false, "25s; in Slurm its KillWait less 5s", "time kept for staging out after a signal", duration(func(j *Job) *time.Duration { return &j.Grace })),
		option("keep", "", false, "false", "leave local files and container", flag(func(j *Job) *bool { return &j.Keep })),
		option("dry-run", "", false, "false", "print the plan, the mounts and the command, and do nothing", flag(func(j *Job) *bool { return &j.DryRun })),
		option("module-name", "NAME", false, "", "the module's name, for the record", text(func(j *Job) *string { return &j.Module.Name })),
		option("module-lsid", "LSID", false, "", "the module's LSID, for the record", text(func(j *Job) *string { return &j.Module.LSID })),
		option("sync-script", "NAME", false, "", "script in the metadata dir that says what to stage in (a GenePattern server's)", setName(func(j *Job) *string { return &j.Files.SyncScript })),
		option("allow-source", "URL", true, "", "place outside the remote root that a sync script may fetch from, such as s3://bucket/prefix", v.sources()),
		option("stdout-file", "FILE", false, "stdout.txt", "where exec.sh writes the module's output", file(func(j *Job) *string { return &j.Files.Stdout })),
		option("stderr-file", "FILE", false, "stderr.txt", "where exec.sh writes the module's errors", file(func(j *Job) *string { return &j.Files.Stderr })),
		option("exit-code-file", "FILE", false, "exit_code.txt", "where the exit code is written", file(func(j *Job) *string { return &j.Files.ExitCode })),
	}
	for _, o := range v.Stores {
		all = append(all, o.option())
	}
	return all
}
