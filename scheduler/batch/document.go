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
		Volumes     []HostVolume   `json:"volumes"`
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
	// A HostVolume is a path of the node, by a name that mount points use.
	HostVolume struct {
		Name string     `json:"name"`
		Host SourcePath `json:"host"`
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
