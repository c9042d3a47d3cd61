package genepattern

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/genepattern/ferry/job"
)

// Where module images keep what a server's jobs expect of them.
const (
	prerunScript  = "/usr/local/bin/runS3Batch_prerun_custom.sh"
	postrunScript = "/usr/local/bin/runS3Batch_postrun_custom.sh"
	rInstaller    = "/build/source/installPackages.R"
)

// Complete adds to a described job what no option says: the launcher, a variable, and in the older form the command's
// arguments. It is
// to be called with the job as Describe made it, so that flags have had their say.
func (r Request) Complete(j *job.Job) {
	if r.Form == FormNone {
		return
	}
	// The one variable that the server's scripts were always run with.
	const name = "GP_JOB_METADATA_DIR="
	if !slices.ContainsFunc(j.Program.Env, func(v string) bool { return strings.HasPrefix(v, name) }) {
		j.Program.Env = append(j.Program.Env, name+j.Dirs.Metadata)
	}
	if len(r.command) > 0 {
		if strings.HasPrefix(r.command[0], "/") && j.Program.Exec == path.Clean(r.command[0]) {
			j.Program.Args = r.command[1:]
		} else {
			j.Program.Command = r.command
		}
	}
	var text strings.Builder
	if j.Dirs.Tasklib != "" {
		text.WriteString(packages(*j))
	}
	if r.Form == FormPositional {
		text.WriteString(r.positionalLaunch(*j))
	} else if text.Len() > 0 {
		text.WriteString("exec \"$@\"\n")
	}
	j.Program.Launch = text.String()
}

// packages installs the R packages that a module asks for, where the image has the installer. As before, the module runs
// whatever becomes of that: its own error names the package that it misses.
func packages(j job.Job) string {
	info := quote(path.Join(j.Dirs.Tasklib, "r.package.info"))
	out := quote(path.Join(j.Dirs.Metadata, "r.package.installs.out.txt"))
	errs := quote(path.Join(j.Dirs.Metadata, "r.package.installs.err.txt"))
	return "if [ -f " + info + " ] && [ -f " + rInstaller + " ]; then\n" +
		"\tRscript " + rInstaller + " " + info + " >" + out + " 2>" + errs + " ||\n" +
		"\t\techo \"ferry: installing the packages of r.package.info ended with status $?\" >&2\n" +
		"fi\n"
}

// positionalLaunch runs the image's own scripts round the command, sourced as the first wrapper did: they set variables
// that the module reads, and read those of the wrapper. It also redirects the command's output, which exec.sh did not do
// by itself then.
func (r Request) positionalLaunch(j job.Job) string {
	var b strings.Builder
	for _, v := range [][2]string{
		{"TASKLIB", j.Dirs.Tasklib}, {"INPUT_FILES_DIR", r.inputs}, {"S3_ROOT", j.Remote}, {"WORKING_DIR", j.Dirs.Work},
		{"GP_METADATA_DIR", j.Dirs.Metadata}, {"GP_JOB_METADATA_DIR", j.Dirs.Metadata}, {"STDOUT_FILENAME", j.Files.Stdout},
		{"STDERR_FILENAME", j.Files.Stderr}, {"EXITCODE_FILENAME", j.Files.ExitCode},
	} {
		b.WriteString(v[0] + "=" + quote(v[1]) + "\n")
	}
	b.WriteString("EXECUTABLE=" + quote(strings.Join(r.command[:min(1, len(r.command))], "")) + "\n")
	b.WriteString("cd \"$WORKING_DIR\"\n")
	b.WriteString("if [ -f " + prerunScript + " ]; then . " + prerunScript + "; fi\n")
	// Run as a child, so that it can neither end this script nor change it.
	b.WriteString("\"$@\" >\"$STDOUT_FILENAME\" 2>\"$STDERR_FILENAME\"\n")
	b.WriteString("ferry_status=$?\n")
	b.WriteString("if [ -f " + postrunScript + " ]; then . " + postrunScript + "; fi\n")
	b.WriteString("exit $ferry_status\n")
	return b.String()
}

// quote writes v as one word for any shell.
func quote(v string) string {
	q, err := syntax.Quote(v, syntax.LangPOSIX)
	if err != nil { // a control character, which POSIX has no escape for
		q = "'" + strings.ReplaceAll(v, "'", `'\''`) + "'"
	}
	return q
}
