package main

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/execsh"
)

// checkLocal says what is wrong with a file of this machine.
func checkLocal(file string, kind module.Kind) error {
	st, err := os.Stat(file)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", file, pathless(err))
	case kind == module.Directory && !st.IsDir():
		return fmt.Errorf("%s is no directory", file)
	case kind == module.File && st.IsDir():
		return fmt.Errorf("%s is a directory", file)
	case kind == module.File && !st.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, pathless(err))
	}
	return f.Close()
}

// settings are the options of the job that runs the module.
func (r *moduleRunner) settings() job.Settings {
	s := job.Settings{}
	set := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			s[name] = job.Setting{Values: values, From: "--" + name}
		}
	}
	p, m := r.result, r.module.Manifest
	if r.args.to == "" {
		set("in-place", "true")
	}
	set("image", p.Image.Ref)
	set("workdir", r.layout.WorkDir)
	set("module-dir", r.layout.LibDir)
	set("module-name", m.Name)
	set("module-lsid", string(m.LSID))
	set("stdout-file", r.inWork(p.Stdout))
	set("stderr-file", r.inWork(p.Stderr))
	if p.Resources.Memory > 0 {
		set("memory", fmt.Sprintf("%db", p.Resources.Memory))
	}
	if p.Resources.CPUs > 0 {
		set("cpus", strconv.FormatFloat(cores(p.Resources.CPUs, r.args.to == ""), 'g', -1, 64))
	}
	if p.Resources.Walltime > 0 {
		set("walltime", strconv.FormatFloat(p.Resources.Walltime.Seconds(), 'g', -1, 64))
	}
	var inputs []string
	for _, in := range p.Inputs {
		if !module.IsURL(in.Source) || strings.HasPrefix(strings.ToLower(in.Source), "file:") {
			inputs = append(inputs, job.EscapeInput(in.Path))
		}
	}
	slices.Sort(inputs)
	set("input", append(slices.Compact(inputs), r.flags["input"].Values...)...)
	set("env", append(slices.Clone(p.Env), r.flags["env"].Values...)...)
	for name, v := range r.flags {
		if name != "input" && name != "env" && name != "workdir" && name != "image" {
			s[name] = v
		}
	}
	return s
}

// cores is at most what this machine has, where the module runs here: an engine refuses more.
func cores(asked float64, here bool) float64 {
	if here {
		return min(asked, float64(runtime.NumCPU()))
	}
	return asked
}

func (r *moduleRunner) inWork(p string) string {
	if path.IsAbs(p) {
		return p
	}
	return path.Join(r.layout.WorkDir, p)
}

// check finds what is wrong with the job, and warns of what a person should know.
func (r *moduleRunner) check() error {
	if r.args.to == "" {
		if _, err := vocabulary().Describe(r.settings(), r.world.lookup); err != nil {
			return err
		}
	}
	for _, n := range r.result.Notes {
		fmt.Fprintf(r.world.stderr, "note: %s\n", oneLine(n))
	}
	_, err := r.script()
	return err
}

// script is exec.sh.
func (r *moduleRunner) script() ([]byte, error) {
	p := r.result
	text, err := execsh.Script{Dir: r.layout.WorkDir, Command: p.Command, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr,
		ExitCode: path.Join(r.layout.WorkDir, metadataDir, "exit_code.txt")}.Text()
	if err != nil {
		return nil, cause.Fail(cause.Usage, "", "commandLine: %w", err)
	}
	return text, nil
}
