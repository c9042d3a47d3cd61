package job

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/genepattern/ferry/internal/subpath"
)

// URL is the URL of the job's path p below the remote root.
func (j *Job) URL(p string) string { return below(j.Remote, p) }

// below is the URL of p below a remote root. Slashes at the end of the root are dropped, but those of a scheme are kept.
func below(remote, p string) string {
	root := strings.TrimRight(remote, "/")
	if strings.HasSuffix(root, ":") {
		root += "//"
	}
	return root + p
}

// Staged are all that is staged in besides the metadata dir: the tasklib, the libraries and the inputs, each path once.
func (j *Job) Staged() []Input {
	var all []Input
	if j.Dirs.Tasklib != "" {
		all = append(all, Input{Path: j.Dirs.Tasklib, URL: j.URL(j.Dirs.Tasklib)})
	}
	var once []Input
	for _, in := range slices.Concat(all, j.Dirs.Libraries, j.Dirs.Inputs) {
		same := func(x Input) bool { return x.Path == in.Path }
		if in.Path != j.Dirs.Metadata && !slices.ContainsFunc(once, same) {
			once = append(once, in)
		}
	}
	return once
}

// Results are the directories that are staged out, each with the URL that it goes to. The metadata dir is first, because a user
// whose job failed needs it most.
func (j *Job) Results() []Input {
	all := []Input{{j.Dirs.Metadata, j.URL(j.Dirs.Metadata)}, {j.Dirs.Work, j.URL(j.Dirs.Work)}}
	for _, p := range j.Dirs.Outputs {
		out := Input{Path: p, URL: j.URL(p)}
		// An output that is also an input goes back to where it came from.
		for _, in := range j.Staged() {
			if in.Path == p {
				out = in
			}
		}
		if !slices.ContainsFunc(all, func(x Input) bool { return x.Path == p }) {
			all = append(all, out)
		}
	}
	return all
}

// Transferred are the paths that are staged in or out, each once.
func (j *Job) Transferred() []string {
	all := []string{j.Dirs.Work, j.Dirs.Metadata}
	if j.Dirs.Tasklib != "" {
		all = append(all, j.Dirs.Tasklib)
	}
	for _, in := range slices.Concat(j.Dirs.Inputs, j.Dirs.Libraries) {
		all = append(all, in.Path)
	}
	all = append(all, j.Dirs.Outputs...)
	sort.Strings(all)
	return slices.Compact(all)
}

// Rooted are the job's paths that are in the attempt's root, each once: those that are transferred, and mounts without a Host.
func (j *Job) Rooted() []string {
	all := j.Transferred()
	for _, m := range j.Dirs.Mounts {
		if m.Host == "" {
			all = append(all, m.Path)
		}
	}
	sort.Strings(all)
	return slices.Compact(all)
}

// ControlFiles are the paths of the files that say what the job is. They come from who submitted the job, and the store's are
// never replaced by what the module left in their place: a later attempt would obey them.
func (j *Job) ControlFiles() []string {
	all := []string{path.Join(j.Dirs.Metadata, "job.json"), path.Join(j.Dirs.Metadata, "exec.sh"), j.Program.Exec}
	if j.Files.SyncScript != "" {
		all = append(all, path.Join(j.Dirs.Metadata, j.Files.SyncScript))
	}
	sort.Strings(all)
	return slices.Compact(all)
}

// MayFetch reports whether a sync script may fetch what is at a URL or below it. The remote root, what the job itself is staged
// in from, and Dirs.Sources are open to it. Keys are literal, so no part of the URL is resolved.
func (j *Job) MayFetch(url string) bool {
	open := append([]string{j.Remote}, j.Dirs.Sources...)
	for _, in := range j.Staged() {
		open = append(open, in.URL)
	}
	return slices.ContainsFunc(open, func(place string) bool {
		place = strings.TrimRight(place, "/")
		return strings.TrimRight(url, "/") == place || strings.HasPrefix(url, place+"/")
	})
}

// ScriptOnNode reports whether the script is in a mounted directory of the node, where ferry cannot look.
func (j *Job) ScriptOnNode() bool {
	return slices.ContainsFunc(j.Dirs.Mounts, func(m Mount) bool { return m.Host != "" && subpath.Within(m.Path, j.Program.Exec) })
}

// Writable reports whether the module may write the path p even where inputs are read-only.
func (j *Job) Writable(p string) bool {
	return p == j.Dirs.Work || p == j.Dirs.Metadata || p == j.Dirs.Tasklib || slices.Contains(j.Dirs.Outputs, p)
}

// NeedsShell reports whether the command needs a shell.
func (j *Job) NeedsShell() bool { return len(j.Program.Command) == 0 || j.Program.Launch != "" }

// Argv is the command to run. shell is the path of a shell in the image.
func (j *Job) Argv(shell string) []string {
	p := j.Program
	run := p.Command
	if len(run) == 0 {
		run = append([]string{shell, p.Exec}, p.Args...)
	}
	if p.Launch == "" {
		return run
	}
	return append([]string{shell, "-c", p.Launch, "ferry"}, run...)
}
