package job

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// IndexMark stands for a child's index in the options of an array job.
const IndexMark = "{index}"

// NoIndex is the value of --array-index by which a child says that its directories are its own already.
const NoIndex = "none"

const arrayOption = "array-index"

// setIndex checks the index of a child. What the index is for is done by child.
var setIndex = one(func(d *describer, v string) error {
	if v == NoIndex {
		return nil
	}
	if n, err := strconv.Atoi(v); err != nil || n < 0 || v != strconv.Itoa(n) {
		return fmt.Errorf("%q is neither a number from 0 nor %q", v, NoIndex)
	}
	d.job.Identity.Index = v
	return nil
})

// child gives a child of an array job its own settings: its index in the place of {index}. The children of one array have the same
// settings. A child whose results would go where another's go is refused.
func (s Settings) child() (Settings, error) {
	at, given := s[arrayOption]
	index := ""
	if given && len(at.Values) == 1 && at.Values[0] != NoIndex {
		index = at.Values[0]
	}
	if index == "" {
		return s, s.checkNoMark()
	}
	if err := s.checkOwn(at.From); err != nil {
		return s, err
	}
	own := Settings{}
	for name, v := range s {
		v.Values = slices.Clone(v.Values)
		for i := range v.Values {
			v.Values[i] = strings.ReplaceAll(v.Values[i], IndexMark, index)
		}
		own[name] = v
	}
	// Two children may have the node in common, and there the id names their directories.
	if id, ok := own["job-id"]; ok && len(id.Values) == 1 && id.Values[0] == s["job-id"].Values[0] && !strings.HasSuffix(id.Values[0], ":"+index) {
		id.Values[0] += ":" + index
	}
	return own, nil
}

// resultOptions name what is written into the store. The names of files among them count where they are paths.
var resultOptions = []string{"workdir", "metadata-dir", "output", "exit-code-file", "stdout-file", "stderr-file"}

// checkOwn refuses what two children would both write.
func (s Settings) checkOwn(from string) error {
	for _, name := range resultOptions {
		for _, v := range s[name].Values {
			if !strings.Contains(v, IndexMark) && strings.HasPrefix(v, "/") {
				return cause.Fail(cause.Usage, fmt.Sprintf("such as %s/%s, or --%s %s where each child has its own already", v, IndexMark, arrayOption, NoIndex),
					"%s: all children of the array (%s) would write to %q", s[name].From, from, v)
			}
		}
	}
	return nil
}

var errNoChild = errors.New("the path has " + IndexMark + ", and this is no child of an array job")

// checkNoMark refuses {index} where nothing is to take its place.
func (s Settings) checkNoMark() error {
	for _, name := range resultOptions {
		for _, v := range s[name].Values {
			if strings.Contains(v, IndexMark) {
				return cause.Fail(cause.Usage, "give --"+arrayOption, "%s: %w", s[name].From, errNoChild)
			}
		}
	}
	return nil
}
