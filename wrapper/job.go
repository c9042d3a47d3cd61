package wrapper

import "time"

// A Job is everything ferry needs to know to run one module once: the validated description that flags, environment
// and job file became. Paths are absolute, clean, and those the module sees; on the node each lies below Root.
type Job struct {
	Remote string // remote root, s3://bucket/prefix or a directory; a job's directory /a/b lives at <Remote>/a/b
	RunsIn string // EngineDocker or EngineProcess
	Image  string // reference of the module image; "" with EngineProcess

	Workdir     string // results; the module's current directory
	MetadataDir string // control directory: exec.sh in, exit code, logs and record out
	ModuleDir   string // tasklib; "" where the job has none
	Inputs      []Dir  // synced in, mounted, not synced back
	Libraries   []Dir  // as Inputs; kept apart because a frozen image contains them
	Outputs     []string
	Mounts      []Mount
	Exec        string   // the script to run in the module container
	Args        []string // its arguments
	Command     []string // a command of the image to run instead of Exec; nil for none
	Launch      string   // shell text run in place of the command, which it gets as its arguments "$@"; "" for none

	LocalPrefix string // where attempts have their roots on the node, as ferry sees it
	ID          string
	UserID      string // inputs below a path with this element are private and never outlive the job on the node
	Attempt     int

	Env            []string // NAME=VALUE, all the module gets besides its image's own
	User           string   // UserImage, UserCaller or uid:gid
	Limits         Limits
	Walltime       time.Duration
	Network        string
	CapAdd         []string
	ReadOnlyInputs bool
	ForbidRoot     bool

	Stage  string // StageMount or StageCopy
	Freeze string
	Frozen string // FrozenNever or FrozenPrefer
	// RegistryUser and the password in RegistryPasswordFile are for the registry of Freeze, or where that names none, of
	// Image; for cmd, which makes Deps.Login of them.
	RegistryUser, RegistryPasswordFile string
	Grace                              time.Duration // time kept for staging out after a signal
	Keep                               bool
	DryRun                             bool

	Module     Module
	SyncScript string // name of a script in the metadata dir that stages in, "" for none; see Stager
	Files      Files
}

// A Dir is a directory of the job, and the key prefix it has below the remote root; "" means the same path.
type Dir struct{ Path, Key string }

// A Mount is a directory mounted but not synced. With Host it is a directory of the node as it is, otherwise one of
// the attempt's root.
type Mount struct {
	Host     string
	Path     string
	Writable bool
}

// Limits of the module container; a zero value means those of ferry's own container.
type Limits struct {
	Memory int64   // bytes
	CPUs   float64 // cores
	GPUs   string  // "all", a count, or device ids separated by commas; "none" for none
	PIDs   int64
}

// Module names the module for the record and for a frozen image.
type Module struct {
	Name string `json:"name,omitempty"`
	LSID string `json:"lsid,omitempty"`
}

// Files names the outcome files; relative names are in the metadata dir.
type Files struct{ Stdout, Stderr, ExitCode string }

// Values of Job.User, Job.Stage, Job.RunsIn and Job.Frozen.
const (
	UserImage  = "image"
	UserCaller = "caller"

	StageMount = "mount"
	StageCopy  = "copy"

	// EngineProcess runs the script in ferry's own container, for module images that have ferry in them.
	EngineDocker  = "docker"
	EngineProcess = "process"

	FrozenNever  = "never"
	FrozenPrefer = "prefer"
)
