package genepattern

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/genepattern/ferry/job"
)

// A Lookup reads one variable of ferry's environment.
type Lookup = func(string) (string, bool)

// A Form is how a job was asked for.
type Form int

// The forms. FormNone is a job that no GenePattern variable describes.
const (
	FormNone       Form = iota
	FormServer          // variables, as copyFromS3ThenRun.sh takes them
	FormPositional      // arguments, as runS3OnBatch.sh takes them
)

// A Request is what variables and arguments of a GenePattern server say. Settings go below flags and FERRY_* variables.
type Request struct {
	Form     Form
	Settings job.Settings
	Debug    bool     // DEBUG_LEVEL is above 0: log at debug level
	Ignored  []string // variables named GP_* that mean nothing here, sorted; for the log
	Notes    []string // what a value was taken to mean where that is not obvious; for the log

	command []string // FormPositional: the executable and its arguments
	inputs  string   // FormPositional: the directory of input files, for the image's own scripts
}

// plain are the variables whose value is an option's value, each with its older names, best first.
var plain = []struct {
	option string
	names  []string
}{
	{"remote", []string{"AWS_S3_PREFIX", "S3_ROOT", "GP_S3_ROOT"}},
	{"image", []string{"GP_JOB_DOCKER_IMAGE", "GP_DOCKER_CONTAINER"}},
	{"workdir", workdirNames},
	{"metadata-dir", metadataNames},
	{"module-dir", tasklibNames},
	{"local-prefix", []string{"GP_LOCAL_PREFIX"}},
	{"job-id", []string{"GP_JOB_ID"}},
	{"user-id", []string{"GP_USER_ID"}},
	{"module-name", []string{"GP_MODULE_NAME"}},
	{"module-lsid", []string{"GP_MODULE_LSID"}},
	{"walltime", []string{"GP_JOB_WALLTIME_SEC"}},
	{"sync-script", []string{"GP_AWS_SYNC_SCRIPT_NAME"}},
	{"exec", []string{"GP_MODULE_EXEC"}},
	{"freeze", []string{"GP_MODULE_SPECIFIC_CONTAINER"}},
	{"stdout-file", []string{"STDOUT_FILENAME"}},
	{"stderr-file", []string{"STDERR_FILENAME"}},
	{"exit-code-file", []string{"EXITCODE_FILENAME"}},
}

var (
	workdirNames  = []string{"GP_JOB_WORKING_DIR", "GP_WORKING_DIR"}
	metadataNames = []string{"GP_JOB_METADATA_DIR", "GP_METADATA_DIR"}
	tasklibNames  = []string{"GP_MODULE_DIR", "GP_TASKLIB"}
	bindNames     = []string{"GP_JOB_DOCKER_BIND_MOUNTS", "GP_DOCKER_MOUNT_POINTS"}
)

// switches are the variables that say true or false, in any case.
var switches = []struct{ option, name string }{
	{"read-only-inputs", "GP_READONLY_BIND_MOUNTS"},
	{"forbid-root", "GP_CONTAINER_CANT_RUN_AS_ROOT"},
}

// special are the variables that FromEnv reads besides the two tables.
var special = slices.Concat(bindNames, []string{"GP_JOB_CONTAINER_DONT_USE_CACHE", "MOD_LIBS", "MOD_LIBS_S3", "DEBUG_LEVEL"})

// DefaultSyncScript is the name that the server gives the script where GP_AWS_SYNC_SCRIPT_NAME says nothing.
const DefaultSyncScript = "aws-sync-from-s3.sh"

// FromEnv reads a server's variables. environ lists the environment as os.Environ does; only names are taken from it.
// It checks nothing: words.Describe does, and names the variable. Where neither a working nor a metadata dir is given,
// the form is FormNone, and no variable gets a default.
func FromEnv(lookup Lookup, environ []string) Request {
	e := env{lookup: lookup, Request: Request{Settings: job.Settings{}}}
	for _, p := range plain {
		if v, name := e.first(p.names...); name != "" {
			e.set(p.option, name, v)
		}
	}
	for _, s := range switches {
		if v, name := e.first(s.name); name != "" {
			e.set(s.option, name, strings.ToLower(v))
		}
	}
	e.Form = FormServer
	_, work := e.first(workdirNames...)
	_, meta := e.first(metadataNames...)
	if work == "" && meta == "" {
		e.Form = FormNone
	}
	e.binds()
	e.library()
	e.frozen()
	if e.Form == FormServer {
		if _, ok := e.Settings["sync-script"]; !ok {
			e.set("sync-script", "GP_AWS_SYNC_SCRIPT_NAME", DefaultSyncScript)
		}
	}
	level, _ := e.first("DEBUG_LEVEL")
	e.Debug = strings.Trim(level, "0") != ""
	e.ignored(environ)
	return e.Request
}

// env is a Request being made.
type env struct {
	Request
	lookup Lookup
}

// first is the first of the variables that is set to more than white space, and its name; "" where none is. White space
// round the value is stripped.
func (e *env) first(names ...string) (value, name string) {
	for _, n := range names {
		if v, _ := e.lookup(n); strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v), n
		}
	}
	return "", ""
}

func (e *env) set(option, from string, values ...string) {
	e.Settings[option] = job.Setting{Values: values, From: from}
}

func (e *env) note(text string) { e.Notes = append(e.Notes, text) }

// binds makes mounts of the colon list. The server names the working dir in it too, and sometimes the metadata dir and
// the tasklib: these are mounted anyway.
func (e *env) binds() {
	list, from := e.first(bindNames...)
	if from == "" {
		return
	}
	var have, mounts []string
	for _, names := range [][]string{workdirNames, metadataNames, tasklibNames} {
		if v, name := e.first(names...); name != "" {
			have = append(have, path.Clean(v))
		}
	}
	for _, dir := range strings.Split(list, ":") {
		dir = strings.TrimSpace(dir)
		// Only what cannot be a mistake is cleaned away; a relative path or ".." is for Describe to refuse.
		if dir == "" || slices.Contains(have, dir) || slices.Contains(have, strings.TrimRight(dir, "/")) {
			continue
		}
		mounts = append(mounts, dir)
	}
	if len(mounts) > 0 {
		e.set("mount", from, mounts...)
	}
}

// library makes a library dir of MOD_LIBS and its remote path MOD_LIBS_S3. Without the remote path there is nothing to
// fetch.
func (e *env) library() {
	dir, from := e.first("MOD_LIBS")
	remote, fromRemote := e.first("MOD_LIBS_S3")
	switch {
	case from != "" && fromRemote != "":
		e.set("library", "MOD_LIBS and MOD_LIBS_S3", escapeDir(dir)+"="+remote)
	case from != "":
		e.note("MOD_LIBS is ignored: MOD_LIBS_S3 does not say where the libraries are in the store")
	case fromRemote != "":
		e.note("MOD_LIBS_S3 is ignored: MOD_LIBS does not say which directory the libraries belong in")
	}
}

// frozen says whether a frozen image may run: where one could have been made, and nobody said no.
func (e *env) frozen() {
	never, from := e.first("GP_JOB_CONTAINER_DONT_USE_CACHE")
	_, name := e.first("GP_MODULE_SPECIFIC_CONTAINER")
	switch {
	case never != "":
		e.set("frozen", from, job.FrozenNever)
	case name != "":
		e.set("frozen", name, job.FrozenPrefer)
	}
}

// ignored finds the GP_* variables that nothing here reads.
func (e *env) ignored(environ []string) {
	known := slices.Clone(special)
	for _, p := range plain {
		known = append(known, p.names...)
	}
	for _, s := range switches {
		known = append(known, s.name)
	}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "GP_") && !slices.Contains(known, name) {
			e.Ignored = append(e.Ignored, name)
		}
	}
	sort.Strings(e.Ignored)
}
