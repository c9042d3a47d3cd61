package commit

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
)

// Labels of a frozen image. A container has its image's labels. So these are not the labels by which ferry finds containers to
// remove: others must be able to run a frozen image.
const (
	LabelBase       = "ferry.frozen.base"        // the base image's reference
	LabelBaseDigest = "ferry.frozen.base.digest" // its digest in its registry; "" for one that was never in any
	LabelBaseID     = "ferry.frozen.base.id"     // its ID in an engine
	LabelModule     = "ferry.frozen.module"
	LabelLSID       = "ferry.frozen.lsid"
	LabelJob        = "ferry.frozen.job"
	LabelDirs       = "ferry.frozen.dirs" // JSON list of the directories copied in
	LabelVersion    = "ferry.frozen.version"
)

// LabelContainer is a label of the containers that ferry runs. Its value is an Origin as JSON, for `ferry commit`.
const LabelContainer = "ferry.origin"

// Origin says what a container of ferry's was made for.
type Origin struct {
	Name string   `json:"module,omitempty"`
	LSID string   `json:"lsid,omitempty"`
	Job  string   `json:"job,omitempty"`
	Dirs []string `json:"dirs"` // what a frozen image of it contains
}

// Label is the value of LabelContainer.
func (o Origin) Label() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(b)
}

func (f *Freezer) labels(r Request, base engine.Image) map[string]string {
	dirs := paths(r.Dirs)
	list, err := json.Marshal(dirs)
	if err != nil {
		panic(err) // strings marshal
	}
	return map[string]string{
		LabelBase: base.Ref, LabelBaseDigest: digestOf(base), LabelBaseID: base.ID, LabelModule: r.Module.Name, LabelLSID: r.Module.LSID,
		LabelJob: r.Job, LabelDirs: string(list), LabelVersion: f.Version,
	}
}

func paths(dirs []copytree.Dir) []string {
	list := make([]string, 0, len(dirs))
	for _, d := range dirs {
		if d.Path != "/" { // single files here and there
			list = append(list, d.Path)
		}
	}
	slices.Sort(list)
	return list
}

// frozenDirs are the directories that a frozen image contains.
func frozenDirs(img engine.Image) []string {
	var dirs []string
	if json.Unmarshal([]byte(img.Labels[LabelDirs]), &dirs) != nil {
		return nil
	}
	return dirs
}

// digestOf is the digest of an image in its registry, "sha256:…"; "" where it has none.
func digestOf(img engine.Image) string {
	_, d, _ := strings.Cut(img.Digest, "@")
	return d
}
