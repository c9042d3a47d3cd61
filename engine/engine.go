package engine

import (
	"context"
	"io"
	"time"
)

// An Engine makes containers. All methods are safe for concurrent use.
type Engine interface {
	// Info describes the engine. ErrUnavailable where none answers.
	Info(ctx context.Context) (Info, error)
	// Image makes the image ref present, and describes it. It contacts a registry only where the image is not present. Of a
	// registry's failures it tries again only those that may pass (429, 5xx, resets). Idempotent. ErrNoImage, ErrDenied,
	// ErrUnavailable.
	Image(ctx context.Context, ref string, login Login) (Image, error)
	// Create makes a container that does not run yet.
	Create(ctx context.Context, spec Spec) (Container, error)
	// List finds the containers that carry all the labels, running or not.
	List(ctx context.Context, labels map[string]string) ([]Found, error)
	// Attach gives a container that exists, for example one that List found. ErrNoContainer.
	Attach(ctx context.Context, id string) (Container, error)
}

// A Container is one container from Create to Remove. All methods are safe for concurrent use.
type Container interface {
	ID() string
	// Has says which of the absolute paths are files in the container, whether it runs or not.
	Has(ctx context.Context, paths []string) (map[string]bool, error)
	// Start starts the container. Its output goes to stdout and stderr until it ends. ErrLaunch where its command cannot run.
	Start(ctx context.Context, stdout, stderr io.Writer) error
	// Wait returns once the container has ended and all its output is written.
	Wait(ctx context.Context) (Exit, error)
	// Stop asks the container to end, and kills it after grace. It returns once the container has ended. Idempotent.
	Stop(ctx context.Context, grace time.Duration) error
	// Stats is what the container uses now.
	Stats(ctx context.Context) (Stats, error)
	// Remove removes the container and its anonymous volumes, and kills it first if need be. A container that is gone is no error.
	Remove(ctx context.Context) error
}

// A Login finds the credentials for a registry. It is called right before their use, because ECR's are valid for 12 hours only.
// host is the registry's, such as "docker.io" or "123456789012.dkr.ecr.us-east-1.amazonaws.com". An empty user means an anonymous
// pull, and so does a nil Login.
type Login func(ctx context.Context, host string) (user, password string, err error)

// Info describes an engine.
type Info struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Root     string   `json:"-"` // the directory where it keeps images; "" where it does not tell
	Socket   string   `json:"-"` // where it listens on this machine; "" elsewhere
	Platform string   `json:"-"` // what its containers' programs are made for, as Image.Platform; "" where it does not tell
	Enforces Enforces `json:"enforces"`
}

// An Image is what the engine knows of an image that is present.
type Image struct {
	Ref        string // as asked for
	ID         string // the configuration's digest, "sha256:…"
	Digest     string // the manifest's repo digest, "name@sha256:…"; "" for an image that came from no registry
	User       string // its USER, "" for root
	Owner      string // that user as "uid:gid", with a name looked up in the image; "" where the image does not know the name
	Workdir    string
	Entrypoint []string
	Cmd        []string
	Env        []string
	Labels     map[string]string
	Volumes    []string // paths of which each container gets a volume of its own, unless something is mounted there
	Platform   string   // what its programs are made for, such as "linux/arm64"; "" where it does not tell
	Size       int64    // bytes
}

// A Spec describes a container.
type Spec struct {
	Name    string
	Image   Image
	Command []string // replaces the image's entrypoint and command
	Env     []string // besides the image's
	Workdir string
	User    string   // "" for the image's
	Groups  []string // numbers of further groups of that user
	Mounts  []Mount
	Labels  map[string]string
	Network string // OwnNetwork, "bridge", "none", "host" or a network's name
	CapAdd  []string

	Limits Limits
}

// Limits of a container, in the terms of container engines. Zero values set no limit.
type Limits struct {
	Memory       int64  `json:"memory,omitempty"`     // bytes
	NanoCPUs     int64  `json:"nano_cpus,omitempty"`  // 1e9 is one core
	CPUShares    int64  `json:"cpu_shares,omitempty"` // weight against other containers
	CPUSet       string `json:"cpu_set,omitempty"`    // cores it may use, "0-3"
	PIDs         int64  `json:"pids,omitempty"`       // processes and threads
	ShmSize      int64  `json:"shm_size,omitempty"`   // bytes of /dev/shm
	GPUs         string `json:"gpus,omitempty"`       // "all", a count, or device ids with commas; "" or "none" for none
	Runtime      string `json:"runtime,omitempty"`    // the engine's OCI runtime, "" for its default
	CgroupParent string `json:"cgroup_parent,omitempty"`
}

// OwnNetwork is the Spec.Network on which a module reaches the world and no other container, nor, where the engine can arrange that, the
// link-local addresses at which clouds keep a node's credentials.
const OwnNetwork = "ferry"

// A Self is ferry's own container, as the engine sees it.
type Self struct {
	ID     string
	Mounts []SelfMount
	Limits Limits
}

// A SelfMount is a directory of the engine's host that ferry's own container sees.
type SelfMount struct {
	Name        string // of the engine's volume, "" for a directory
	Source      string // on the host
	Destination string // in ferry's container
	ReadOnly    bool
}

// A Mount binds a directory of the engine's host.
type Mount struct {
	Source   string
	Target   string
	ReadOnly bool
	Own      bool // ferry made it for this job alone: the engine may change its labels of SELinux
}

// Exit is how a container ended.
type Exit struct {
	Code      int
	OOMKilled bool
	Error     string // the engine's own words, where it has any
	Lost      bool   // the engine went away while the container ran, so that Code may come from that
	Started   time.Time
	Finished  time.Time
}

// Stats is a reading of what a container uses.
type Stats struct {
	Memory     int64   // bytes now
	MemoryPeak int64   // bytes, highest so far; 0 where the engine does not tell
	CPUSeconds float64 // user and system, so far
	PIDs       int64
}

// Found is a container that List found.
type Found struct {
	ID      string
	Name    string
	Labels  map[string]string
	Running bool
	Created time.Time
}
