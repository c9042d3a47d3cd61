package scheduler

// A Kind is a kind of scheduler, as the registry in package schedulers lists it.
type Kind struct {
	Name  string // as --to has it, before a ":"
	Form  string // of --to in help, such as "batch:QUEUE"
	Usage string // one line of help: where the job runs
	// InPlace says that jobs which name no remote root run where their files are.
	InPlace bool
	// Attached says that `ferry submit` waits for the job unless told otherwise.
	Attached bool
	// Here says that the node is the machine that submits.
	Here bool
	// Options that its users may set. Their names are unique among all kinds.
	Options []Option
	// Open makes a scheduler. place is what stands behind the ":" of --to. It sends nothing. Its errors mean that place, an option
	// or a variable is wrong, and have the cause usage.
	Open func(h Host, place string) (Scheduler, error)
}

// An Option is a flag of `ferry submit` that only one kind knows.
type Option struct {
	Name, Arg, Usage string
	Repeat           bool
}

// A Host is the machine that submits. It is safe for concurrent use.
type Host struct {
	Lookup  func(name string) (string, bool) // a variable, as os.LookupEnv
	Environ []string                         // all variables, as os.Environ gives them
	// Executable is the path of ferry itself.
	Executable string
	// State is a directory of this user, where ferry keeps what it has to know again. It may be missing.
	State string
	// Settings are the options that were given, by name. Of a job that was submitted before they are those of that time.
	Settings map[string][]string
	Version  string
}

// Env is a variable of the process; "" where it is not set.
func (h Host) Env(name string) string {
	if h.Lookup == nil {
		return ""
	}
	v, _ := h.Lookup(name)
	return v
}

// Setting is the last value of an option; "" where it was not given.
func (h Host) Setting(name string) string {
	v := h.Settings[name]
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}
