package job

import "time"

// A Job is everything ferry needs to know to run one module once. Describe makes it of flags, variables and job file. Paths are
// those the module sees, absolute and clean. A Job is not changed once made, and can be read concurrently.
type Job struct {
	Identity  Identity
	Module    Module
	Remote    string            // remote root, a store's URL or a directory; the job's directory /a/b is at <Remote>/a/b
	Store     map[string]string // the options of stores that were given, by name
	Dirs      Dirs
	Program   Program
	Files     Files
	Container Container
	Registry  Registry
	Freeze    Freeze
	Walltime  time.Duration // run limit of the module
	Grace     time.Duration // time kept for staging out after a signal
	// LocalPrefix is where attempts have their roots on the node, as ferry sees it. In place it may be "": the caller of Describe
	// knows a directory of this user's.
	LocalPrefix string
	Keep        bool // leave local files and container
	DryRun      bool
}

// Identity tells jobs and their attempts apart.
type Identity struct {
	ID      string
	User    string // inputs below a path with this element are private and never outlive the job on the node
	Attempt int    // from 1
	Index   string // of a child of an array job, "" for any other job
}

// Module names the module for the record and for a frozen image.
type Module struct {
	Name string `json:"name,omitempty"`
	LSID string `json:"lsid,omitempty"`
}

// Dirs are the job's directories.
type Dirs struct {
	Work      string  // results; the module's current directory
	Metadata  string  // control directory: exec.sh in, exit code, logs and record out
	Tasklib   string  // the module's code; "" where the job has none
	Inputs    []Input // staged in and seen by the module, not staged out
	Libraries []Input // as Inputs, but a frozen image contains them
	Outputs   []string
	Mounts    []Mount
	MaxOutput int64    // bytes of results; 0 is the size of the disk they lie on
	Sources   []string // URLs outside the remote root below which a sync script may fetch
	InPlace   bool     // all of them are on this node at their own paths: nothing is transferred, and there is no remote root
}

// An Input is a path of the job and the URL that it is staged in from. The URL is below the remote root unless the job says
// otherwise. The Input is a file where the store has an object of that very name, else a directory.
type Input struct{ Path, URL string }

// A Mount is a directory that is mounted and not transferred. Host is a directory of the node. Where Host is "", the Mount is a
// directory in the attempt's root.
type Mount struct {
	Host     string
	Path     string
	Writable bool
}

// Program is what runs in the module's container.
type Program struct {
	Exec    string   // the script
	Args    []string // its arguments
	Command []string // a command of the image to run instead of Exec; nil for none
	Launch  string   // shell text run in place of the command, which it gets as its arguments "$@"; "" for none
	Env     []string // NAME=VALUE, all the module gets besides its image's own
}

// Container is what the module runs in.
type Container struct {
	Engine         string // one of the Vocabulary's
	Image          string // reference of the module image; "" with EngineProcess
	User           string // UserImage, UserCaller or uid:gid
	Limits         Limits
	Network        string
	CapAdd         []string
	ReadOnlyInputs bool
	ForbidRoot     bool
	Placement      string // PlaceMount or PlaceCopy
	Volume         string // the engine's volume that has the local prefix, "" where nobody says which
}

// Limits of the module container; a zero value means those of ferry's own container.
type Limits struct {
	Memory int64   // bytes
	CPUs   float64 // cores
	GPUs   string  // "all", a count, or device ids separated by commas; "none" for none
	PIDs   int64
}

// Registry is a login for the registry Host, and for no other.
type Registry struct{ Host, User, PasswordFile string }

// Freeze says whether the module is kept as an image, and whether such an image is run.
type Freeze struct {
	Name   string // of the image to make after success, "" for none
	Frozen string // FrozenNever or FrozenPrefer
}

// Files are the paths of the outcome files. SyncScript is the name of a script in the metadata dir that says what to stage in, or
// "".
type Files struct{ Stdout, Stderr, ExitCode, SyncScript string }

// Values of Container.User, Container.Placement, Container.Engine and Freeze.Frozen.
const (
	UserImage  = "image"
	UserCaller = "caller"

	PlaceMount = "mount"
	PlaceCopy  = "copy"

	// EngineDocker is the default.
	EngineDocker = "docker"
	// EngineProcess runs the script in ferry's own container, for module images that have ferry in them. No other engine goes
	// without an image.
	EngineProcess = "process"

	// NetworkOwn is the default network, on which jobs do not reach each other.
	NetworkOwn = "ferry"

	FrozenNever  = "never"
	FrozenPrefer = "prefer"
)
