package genepattern

import (
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// The names that stand for ferry in the transfer image, and in module images of the first generation.
const (
	ServerName     = "copyFromS3ThenRun.sh"
	PositionalName = "runS3OnBatch.sh"
)

// FormOf is the form that a program's name asks for, FormNone for ferry's own.
func FormOf(argv0 string) Form {
	switch path.Base(argv0) {
	case ServerName:
		return FormServer
	case PositionalName:
		return FormPositional
	}
	return FormNone
}

// positions are the arguments of the older form, in order, and the options they stand for.
var positions = []struct{ name, option string }{
	{"TASKLIB", "module-dir"}, {"INPUT_FILES_DIR", "input"}, {"S3_ROOT", "remote"}, {"WORKING_DIR", "workdir"}, {"EXECUTABLE", "exec"},
}

// FromArgs reads the older form: TASKLIB INPUT_FILES_DIR S3_ROOT WORKING_DIR EXECUTABLE [ARG…], beside the variables,
// which it overrules. The error's cause is CauseUsage.
//
// Without a GP_JOB_DOCKER_IMAGE the script runs in this same container. A sync script is interpreted only where the
// variable names one, since the oldest servers wrote none.
func FromArgs(args []string, lookup Lookup, environ []string) (Request, error) {
	if len(args) < len(positions) {
		return Request{}, cause.Fail(cause.Usage, "", "%s: %d arguments, needs TASKLIB INPUT_FILES_DIR S3_ROOT WORKING_DIR EXECUTABLE [ARG…]", PositionalName, len(args))
	}
	e := env{lookup: lookup, Request: FromEnv(lookup, environ)}
	e.Form = FormPositional
	if v, _ := e.first("GP_AWS_SYNC_SCRIPT_NAME"); v == "" {
		delete(e.Settings, "sync-script")
	}
	for i, p := range positions {
		v := strings.TrimSpace(args[i])
		if v == "" {
			return Request{}, cause.Fail(cause.Usage, "", "%s: argument %d, %s, is empty", PositionalName, i+1, p.name)
		}
		e.set(p.option, p.name+" (argument "+string(rune('1'+i))+" of "+PositionalName+")", v)
	}
	tasklib, workdir := strings.TrimSpace(args[0]), strings.TrimSpace(args[3])
	// Only here does the tasklib go back: this form installed packages into it.
	e.Settings["output"] = job.Setting{Values: []string{tasklib}, From: e.Settings["module-dir"].From}
	e.inputs = strings.TrimSpace(args[1])
	// The working dir is staged in too, in this form. The server puts the other directory into it, where it is often empty
	// and thus not in the store at all.
	in := e.Settings["input"]
	in.Values = []string{escapeDir(workdir)}
	if !subpath.Within(workdir, e.inputs) {
		in.Values = append(in.Values, escapeDir(e.inputs))
	}
	e.Settings["input"] = in
	e.undoBinds(tasklib, e.inputs, workdir)
	// The shell of the first wrapper split the executable into words, and job definitions rely on it.
	e.command = append(strings.Fields(args[4]), args[5:]...)
	e.executable()
	if _, ok := e.Settings["image"]; !ok {
		e.set("engine", "no GP_JOB_DOCKER_IMAGE", job.EngineProcess)
	}
	return e.Request, nil
}

// executable takes the command's first word as the script where it is a path; a command of the image runs by name.
func (e *env) executable() {
	from := e.Settings["exec"].From
	delete(e.Settings, "exec")
	if strings.HasPrefix(e.command[0], "/") {
		e.set("exec", from, e.command[0])
	}
}

// undoBinds drops the mounts that the arguments name by another role.
func (e *env) undoBinds(dirs ...string) {
	m, ok := e.Settings["mount"]
	if !ok {
		return
	}
	m.Values = slices.DeleteFunc(slices.Clone(m.Values), func(v string) bool { return slices.Contains(dirs, strings.TrimRight(v, "/")) })
	e.Settings["mount"] = m
	if len(m.Values) == 0 {
		delete(e.Settings, "mount")
	}
}

// escapeDir writes a directory as --input and --library take it.
func escapeDir(dir string) string { return strings.ReplaceAll(dir, "=", `\=`) }
