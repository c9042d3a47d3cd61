package submit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/execsh"
	"github.com/genepattern/ferry/submit/handle"
)

// An Order is what a user asks for.
type Order struct {
	// Settings are the job's options. Directories of this machine may be relative to Cwd.
	Settings job.Settings
	// Describe makes the job of settings, and says what is wrong with them.
	Describe func(job.Settings) (job.Job, error)
	Cwd      string
	Target   string
	// InPlace says that the target runs jobs where their files are, so that no remote root is needed.
	InPlace bool
	// Scheduler are the options that only the target knows, by name.
	Scheduler map[string][]string
	// Command is run by a script that ferry writes; nil where the job has a script.
	Command []string
	// Stdin is a file that the command reads; "" for none.
	Stdin string
	Array *handle.Array // nil for a job that is none
}

const metadataName = ".gp_metadata"

// A parcel is an order that was understood: the file, and what is sent.
type parcel struct {
	c      *Client
	file   *handle.File
	job    job.Job // of the first child, where it is an array
	work   string  // working dir, of the whole array
	meta   string  // metadata dir, of the whole array
	script []byte  // exec.sh; nil where the job has its own
	made   bool    // the working dir is ferry's choice
	there  bool    // the store has everything from an earlier run
	theirs bool    // somebody else described the job
}

// NewName makes the name of a submission.
func NewName() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return handle.NamePrefix + hex.EncodeToString(b[:])
}

// understand makes a parcel. It touches nothing. Its errors have the cause usage.
func (c *Client) understand(o Order, name string) (*parcel, error) {
	s, err := o.absolute()
	if err != nil {
		return nil, err
	}
	p := &parcel{c: c}
	for _, own := range []string{"job-id", "attempt"} {
		if v, ok := s[own]; ok {
			return nil, cause.Fail(cause.Usage, "--module-name names a job for people", "%s: a submitted job has an id of its own", v.From)
		}
	}
	if p.work = s.Last("workdir"); p.work == "" {
		p.made, p.work = true, path.Join(o.Cwd, name)
	}
	if p.meta = s.Last("metadata-dir"); p.meta == "" {
		p.meta = path.Join(p.work, metadataName)
	}
	if err := o.place(s); err != nil {
		return nil, err
	}
	if o.Stdin != "" {
		o.Stdin = absoluteTo(o.Cwd, o.Stdin)
		if !localFile(o.Stdin) && !held(s, p.work, p.meta, o.Stdin) { // a directory of the job may be in the store only
			return nil, cause.Fail(cause.Usage, "", "--stdin: there is no file %q", o.Stdin)
		}
		addInput(s, p.work, o.Stdin)
	}
	if p.script, err = o.script(s, p.work, p.meta); err != nil {
		return nil, &cause.Error{Cause: cause.Usage, Err: err}
	}
	s["workdir"] = job.Setting{From: "--workdir", Values: []string{p.work}}
	s["metadata-dir"] = job.Setting{From: "--metadata-dir", Values: []string{p.meta}}
	if _, remote := s["remote"]; remote && o.Array == nil && hasFiles(p.work) {
		addInput(s, "", p.work) // what is in it is there for the module, as it would be in place
	}
	if o.Array != nil {
		if err := p.asArray(o, s); err != nil {
			return nil, err
		}
	}
	p.file = &handle.File{Name: name, Target: o.Target, Options: map[string][]string{}, Scheduler: o.Scheduler, Command: o.Command, Array: o.Array, From: c.Origin}
	return p, p.describe(o, s)
}

// describe puts the settings into the file, and asks what is wrong with them.
func (p *parcel) describe(o Order, s job.Settings) error {
	for name, v := range s {
		p.file.Options[name] = v.Values
	}
	index := -1
	if o.Array != nil {
		index = p.file.Children()[0]
	}
	settings, err := p.file.Settings(index)
	if err != nil {
		return err
	}
	for name, v := range settings { // an error names what the user typed
		if given, ok := s[name]; ok && given.From != "" {
			v.From = given.From
			settings[name] = v
		}
	}
	if p.job, err = o.Describe(settings); err != nil {
		return err
	}
	if n := len(p.file.JSON()); n > fileMax {
		return cause.Fail(cause.Usage, "several arrays, or files with the values", "%s would have %d bytes, more than %d", handle.FileName, n, fileMax)
	}
	if err := p.environment(s); err != nil {
		return err
	}
	return p.file.CheckText()
}

// environment replaces variables without a value by those of this machine: the node has another environment.
func (p *parcel) environment(s job.Settings) error {
	given, ok := s["env"]
	if !ok {
		return nil
	}
	var all []string
	for _, v := range given.Values {
		for _, kv := range p.job.Program.Env {
			if name, _, _ := strings.Cut(kv, "="); name == v {
				v = kv
			}
		}
		if strings.Contains(v, "=") { // else it is not set here
			all = append(all, v)
		}
	}
	p.file.Options["env"] = all
	return nil
}

// asArray gives each child a working dir of its own, in that of the array.
func (p *parcel) asArray(o Order, s job.Settings) error {
	if p.meta != path.Join(p.work, metadataName) {
		return cause.Fail(cause.Usage, "", "--metadata-dir: an array has its metadata dirs in its working dir")
	}
	if len(o.Array.Rows) > 0 && len(o.Array.Rows) != o.Array.Count {
		return cause.Fail(cause.Usage, "", "--array %d and %d lines of --each differ", o.Array.Count, len(o.Array.Rows))
	}
	set := func(name, value string) { s[name] = job.Setting{From: "--" + name, Values: []string{value}} }
	set("workdir", path.Join(p.work, "{index}"))
	set("metadata-dir", path.Join(p.work, childPlaceholder))
	if p.script != nil {
		script := path.Join(p.meta, "exec.sh")
		set("exec", script)
		addInput(s, "", script)
	}
	return nil
}

// addInput makes a file an input, unless a directory that the job has anyway holds it.
func addInput(s job.Settings, work, file string) {
	in := s["input"]
	for _, v := range in.Values {
		if at, _ := job.InputPath(v); subpath.Within(at, file) {
			return
		}
	}
	if work != "" && subpath.Within(work, file) {
		return
	}
	s["input"] = job.Setting{From: "--input", Values: append(slices.Clone(in.Values), job.EscapeInput(file))}
}

func absoluteTo(cwd, p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Join(cwd, p)
}

const childPlaceholder = "{index}/" + metadataName

// place says where the job's files are: in place, or below a remote root.
func (o Order) place(s job.Settings) error {
	if _, remote := s["remote"]; remote {
		return nil
	}
	if !o.InPlace {
		if v := s.Last("in-place"); v == "true" {
			return nil
		}
		return cause.Fail(cause.Usage, "such as --remote s3://bucket/prefix, or --in-place on a shared file system", "--to %s needs a --remote", o.Target)
	}
	s["in-place"] = job.Setting{From: "--in-place", Values: []string{"true"}}
	return nil
}

// script is exec.sh: the user's own, where no directory of the job holds it, or one for the command. That of an array has the
// variables of a child in the place of {index} and {column}; their braces have made the writer quote each word that they are in. It
// is nil where the job's directories have their script.
func (o Order) script(s job.Settings, work, meta string) ([]byte, error) {
	own := s.Last("exec")
	if o.Command == nil {
		if own == "" || !localFile(own) || held(s, work, meta, own) {
			return nil, nil
		}
		delete(s, "exec")
		return bounded.File(own, 16*bounded.Small)
	}
	if own != "" {
		return nil, errors.New("--exec and a command after -- are two ways to say what runs")
	}
	if o.Array != nil {
		work, meta = path.Join(work, "{index}"), path.Join(work, childPlaceholder)
	}
	text, err := execsh.Script{Dir: work, Command: o.Command, Stdin: o.Stdin,
		Stdout: path.Join(meta, "stdout.txt"), Stderr: path.Join(meta, "stderr.txt"), ExitCode: path.Join(meta, "exit_code.txt")}.Text()
	if err != nil || o.Array == nil {
		return text, err
	}
	var pairs []string
	for from, variable := range o.Array.Placeholders() {
		pairs = append(pairs, from, `'"$`+variable+`"'`)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(text))), nil
}

// directories are the options that name directories or files of this machine.
var directories = []string{"workdir", "metadata-dir", "module-dir", "input", "library", "output", "exec"}

// absolute is the settings with absolute paths.
func (o Order) absolute() (job.Settings, error) {
	s := job.Settings{}
	for name, v := range o.Settings {
		v.Values = slices.Clone(v.Values)
		if slices.Contains(directories, name) {
			for i, p := range v.Values {
				switch {
				case p == "" || strings.HasPrefix(p, "/"):
				case name == "input" || name == "library":
					at, rest := job.InputPath(p)
					v.Values[i] = job.EscapeInput(path.Join(o.Cwd, at)) + rest
				default:
					v.Values[i] = path.Join(o.Cwd, p)
				}
			}
		}
		s[name] = v
	}
	return s, nil
}

// held reports whether a directory of the job holds the file.
func held(s job.Settings, work, meta, file string) bool {
	if subpath.Within(work, file) || subpath.Within(meta, file) {
		return true
	}
	for _, name := range []string{"module-dir", "input", "library", "output"} {
		for _, v := range s[name].Values {
			if at, _ := job.InputPath(v); subpath.Within(at, file) {
				return true
			}
		}
	}
	return false
}

var columnForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// NewArray makes an array of a count, of lines, or of both where they agree.
func NewArray(count int, columns []string, rows [][]string) (*handle.Array, error) {
	if count == 0 {
		count = len(rows)
	}
	switch {
	case count < 1 || count > handle.MaxChildren:
		return nil, fmt.Errorf("an array has from 1 to %d children, not %d", handle.MaxChildren, count)
	case rows != nil && len(rows) != count:
		return nil, fmt.Errorf("--array %d and %d lines of --each differ", count, len(rows))
	}
	for i, c := range columns {
		if !columnForm.MatchString(c) || c == "index" || slices.Contains(columns[:i], c) {
			return nil, fmt.Errorf("%q is no name for a column: it has letters, digits, _, . and -, is not \"index\", and occurs once", c)
		}
	}
	return &handle.Array{Count: count, Columns: columns, Rows: rows}, nil
}

// hasFiles reports whether a directory holds anything but a metadata dir.
func hasFiles(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != metadataName })
}

// localFile reports whether the path is a file of this machine.
func localFile(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular()
}
