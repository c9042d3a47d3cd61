package engine

// A Kind is a kind of engine, as the registry in package engines lists it.
type Kind struct {
	Name  string // as --engine has it
	Usage string // one line of help: what runs the module
	// Together says that several jobs may run at once in one process of ferry, with one Engine: nothing of a job is in the process.
	Together bool
	// Open makes an engine of the kind for this process. It sends nothing. An error means that a variable is wrong, and may bring
	// a hint (cause.Hinted or *cause.Error).
	Open func(Host) (Engine, error)
	// Image says what is wrong with the form of an image's name. It asks nobody. nil where an image is named by a registry's reference.
	Image func(ref string) error
	// Found reports whether such an engine seems to be on this machine, for where none is asked for and the default does not answer. It
	// sends nothing. nil for an engine that is only used where it is asked for.
	Found func(Host) bool
}

// A Host gives an engine ferry's environment. Engines read no environment but this one. It is safe for concurrent use.
type Host struct {
	Lookup  func(name string) (string, bool) // one variable, as os.LookupEnv
	Environ []string                         // all variables, as os.Environ gives them
}

// Env is a variable of the process; "" where it is not set.
func (h Host) Env(name string) string {
	if h.Lookup == nil {
		return ""
	}
	v, _ := h.Lookup(name)
	return v
}
