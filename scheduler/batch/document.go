package batch

// The input of AWS Batch's RegisterJobDefinition, as far as ferry has something to say:
// https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
type (
	// A Definition is the whole of it.
	Definition struct {
		Name       string              `json:"jobDefinitionName"`
		Type       string              `json:"type"`
		Platform   []string            `json:"platformCapabilities"`
		Parameters map[string]string   `json:"parameters,omitempty"`
		Container  ContainerProperties `json:"containerProperties"`
		Retry      RetryStrategy       `json:"retryStrategy"`
		Timeout    JobTimeout          `json:"timeout"`
	}
	// ContainerProperties are those of ferry's own container, not of the module's.
	ContainerProperties struct {
		Image       string         `json:"image"`
		Command     []string       `json:"command"`
		Role        string         `json:"jobRoleArn,omitempty"`
		Resources   []ResourceNeed `json:"resourceRequirements"`
		Environment []NameValue    `json:"environment"`
		Volumes     []Volume       `json:"volumes"`
		Mounts      []MountPoint   `json:"mountPoints"`
		Privileged  bool           `json:"privileged"`
	}
	// A ResourceNeed is of Type VCPU, MEMORY (in MiB) or GPU.
	ResourceNeed struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	// A NameValue is a variable of the container.
	NameValue struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	// A Volume is a path of the node or a shared file system, by a name that mount points use.
	Volume struct {
		Name    string         `json:"name"`
		Host    *SourcePath    `json:"host,omitempty"`
		EFS     *EFSVolume     `json:"efsVolumeConfiguration,omitempty"`
		S3Files *S3FilesVolume `json:"s3filesVolumeConfiguration,omitempty"`
	}
	// An EFSVolume is an EFS file system.
	EFSVolume struct {
		ID      string     `json:"fileSystemId"`
		Root    string     `json:"rootDirectory,omitempty"`
		Transit string     `json:"transitEncryption"`
		Access  *EFSAccess `json:"authorizationConfig,omitempty"`
	}
	// An EFSAccess is an access point, which has a directory and a user of its own.
	EFSAccess struct {
		Point string `json:"accessPointId"`
		IAM   string `json:"iam"`
	}
	// An S3FilesVolume is a bucket as a file system.
	S3FilesVolume struct {
		ARN  string `json:"fileSystemArn"`
		Root string `json:"rootDirectory,omitempty"`
	}
	// A SourcePath is a path of the node.
	SourcePath struct {
		Path string `json:"sourcePath"`
	}
	// A MountPoint is where a volume stands in the container.
	MountPoint struct {
		Volume   string `json:"sourceVolume"`
		Path     string `json:"containerPath"`
		ReadOnly bool   `json:"readOnly"`
	}
	// A RetryStrategy says how often, and after which ends.
	RetryStrategy struct {
		Attempts int         `json:"attempts"`
		OnExit   []RetryRule `json:"evaluateOnExit"`
	}
	// A RetryRule matches an attempt's end by one of its first three fields.
	RetryRule struct {
		Status string `json:"onStatusReason,omitempty"`
		Reason string `json:"onReason,omitempty"`
		Code   string `json:"onExitCode,omitempty"`
		Action string `json:"action"`
	}
	// A JobTimeout bounds one attempt.
	JobTimeout struct {
		Seconds int64 `json:"attemptDurationSeconds"`
	}
)
