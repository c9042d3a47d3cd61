package handle

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
)

// FileName is the name of the file in the metadata dir.
const FileName = "job.json"

// format is the version of the file's form. A file of a later form is refused.
const format = 1

// A File is job.json. Fields are added, never removed.
type File struct {
	Format int `json:"format"`
	// Name is this submission's alone: the name of the scheduler's task, and the job's id on its nodes.
	Name string `json:"name"`
	// Target is where it was submitted to, as --to.
	Target string `json:"target"`
	// Task is the scheduler's id; "" until the scheduler has told it.
	Task string `json:"task"`
	// Options are those of `ferry run`, by name. {index} and {column} stand for a child's.
	Options map[string][]string `json:"options"`
	// Scheduler are the options that only the scheduler knows, by name.
	Scheduler map[string][]string `json:"scheduler,omitempty"`
	Command   []string            `json:"command,omitempty"`
	Array     *Array              `json:"array,omitempty"`
	From      Origin              `json:"from"`
	// Cancelled is when somebody asked for the job's end.
	Cancelled *time.Time `json:"cancelled,omitempty"`
	// Again is the name of the submission that this one repeats. Tries counts how often that was for want of memory.
	Again string `json:"again,omitempty"`
	Tries int    `json:"memory_tries,omitempty"`
}

// An Origin says who submitted.
type Origin struct {
	Host    string    `json:"host"`
	User    string    `json:"user,omitempty"`
	Version string    `json:"ferry_version"`
	Time    time.Time `json:"time"`
}

// An Array says which children a job has. Child i has the row i.
type Array struct {
	Count   int        `json:"count"`
	Columns []string   `json:"columns,omitempty"`
	Rows    [][]string `json:"rows,omitempty"`
	// Only are the indices that were submitted, ascending; nil for all.
	Only     []int `json:"only,omitempty"`
	Parallel int   `json:"parallel,omitempty"`
	// Rest is how the other children stood when these were submitted: a count for each state. Failed are those of them that had failed,
	// ascending, which Rest does not count.
	Rest   map[string]int `json:"rest,omitempty"`
	Failed []int          `json:"failed,omitempty"`
}

// Children are the indices that were submitted; nil for a job that is no array.
func (f *File) Children() []int {
	switch {
	case f.Array == nil:
		return nil
	case f.Array.Only != nil:
		return f.Array.Only
	}
	return f.All()
}

// All are the indices of all children, whichever were submitted; nil for a job that is no array.
func (f *File) All() []int {
	if f.Array == nil {
		return nil
	}
	all := make([]int, f.Array.Count)
	for i := range all {
		all[i] = i
	}
	return all
}

// Parse reads a File. Its error has the cause usage.
func Parse(data []byte) (*File, error) {
	f := new(File)
	if err := json.Unmarshal(data, f); err != nil {
		return nil, cause.Fail(cause.Usage, "", "reading %s: %w", FileName, err)
	}
	if f.Format != format {
		return nil, cause.Fail(cause.Usage, "take the ferry that submitted it", "%s has the form %d, which this ferry does not know", FileName, f.Format)
	}
	if err := f.check(); err != nil {
		return nil, cause.Fail(cause.Usage, "", "%s is not as ferry writes it: %w", FileName, err)
	}
	return f, nil
}

// MaxChildren is what AWS Batch and Slurm take by default.
const MaxChildren = 10000

var nameForm = regexp.MustCompile(`^` + NamePrefix + `[0-9A-Za-z_-]{1,64}$`)

// check refuses what no ferry wrote: a handle may come from anybody.
func (f *File) check() error {
	if !nameForm.MatchString(f.Name) {
		return fmt.Errorf("%q is no name of a job", f.Name[:min(len(f.Name), 100)])
	}
	a := f.Array
	if a == nil {
		return nil
	}
	if a.Count < 1 || a.Count > MaxChildren {
		return fmt.Errorf("an array of %d children", a.Count)
	}
	if len(a.Rows) > 0 && len(a.Rows) != a.Count {
		return fmt.Errorf("%d rows for %d children", len(a.Rows), a.Count)
	}
	for i, r := range a.Rows {
		if len(r) < len(a.Columns) {
			return fmt.Errorf("row %d has %d values for %d columns", i, len(r), len(a.Columns))
		}
	}
	for _, some := range [][]int{a.Only, a.Failed} {
		for n, i := range some {
			if i < 0 || i >= a.Count || n > 0 && i <= some[n-1] {
				return fmt.Errorf("child %d of %d", i, a.Count)
			}
		}
	}
	return nil
}

// CheckText refuses what JSON cannot hold as it is: a value that is not UTF-8 would reach the node as another. What is of the command
// reaches it in exec.sh, which holds every byte. The error has the cause usage.
func (f *File) CheckText() error {
	for _, options := range []map[string][]string{f.Options, f.Scheduler} {
		for _, name := range slices.Sorted(maps.Keys(options)) {
			for _, v := range options[name] {
				if !utf8.ValidString(v) {
					return cause.Fail(cause.Usage, "", "--%s: %q is not UTF-8", name, v)
				}
			}
		}
	}
	if f.Array == nil {
		return nil
	}
	for i, row := range f.Array.Rows {
		for _, v := range row {
			if !utf8.ValidString(v) {
				return cause.Fail(cause.Usage, "save the file as UTF-8", "--each: %q, a value of child %d, is not UTF-8", v, i)
			}
		}
	}
	return nil
}

// JSON is the file's content.
func (f *File) JSON() []byte {
	f.Format = format
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		panic(err) // every field marshals
	}
	return append(b, '\n')
}

// Settings are the options of the job as ferry on its node gets them. index is a child's; -1 for a job that is no array. The error
// has the cause usage.
func (f *File) Settings(index int) (job.Settings, error) {
	replace := func(s string) string { return s }
	id := f.Name
	if f.Array != nil {
		if index < 0 || index >= f.Array.Count {
			return nil, cause.Fail(cause.Usage, "", "%s: the array has no child %d", FileName, index)
		}
		replace = f.Array.replacer(index).Replace
		id = ChildID(f.Name, index)
	}
	s := job.Settings{}
	for _, name := range slices.Sorted(maps.Keys(f.Options)) {
		v := job.Setting{From: fmt.Sprintf("%q in %s", name, FileName)}
		for _, value := range f.Options[name] {
			v.Values = append(v.Values, replace(value))
		}
		s[name] = v
	}
	s["job-id"] = job.Setting{From: FileName, Values: []string{id}}
	if f.Array != nil {
		env := s["env"]
		env.From = FileName
		env.Values = append(env.Values, f.Array.variables(index)...)
		s["env"] = env
	}
	return s, nil
}

// ChildID is the job's id of a child.
func ChildID(name string, index int) string { return name + "." + strconv.Itoa(index) }

// replacer puts a child's values in the place of {index} and {column}.
func (a *Array) replacer(index int) *strings.Replacer {
	pairs := []string{"{index}", strconv.Itoa(index)}
	if index < len(a.Rows) {
		for i, c := range a.Columns {
			pairs = append(pairs, "{"+c+"}", a.Rows[index][i])
		}
	}
	return strings.NewReplacer(pairs...)
}

// IndexVariable is the module's variable that has a child's index. exec.sh is one file for all children, so it has the variables in
// the place of {index} and {column}.
const IndexVariable = "FERRY_INDEX"

// Variable is the module's variable for the nth column.
func Variable(n int) string { return "FERRY_COLUMN_" + strconv.Itoa(n+1) }

func (a *Array) variables(index int) []string {
	all := []string{IndexVariable + "=" + strconv.Itoa(index)}
	if index < len(a.Rows) {
		for i, v := range a.Rows[index] {
			all = append(all, Variable(i)+"="+v)
		}
	}
	return all
}

// Placeholders are the texts that stand for a child's values, each with the variable that has it.
func (a *Array) Placeholders() map[string]string {
	all := map[string]string{"{index}": IndexVariable}
	for i, c := range a.Columns {
		all["{"+c+"}"] = Variable(i)
	}
	return all
}
