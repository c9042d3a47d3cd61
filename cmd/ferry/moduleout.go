package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/visible"
	"github.com/genepattern/ferry/job/execsh"
	"github.com/genepattern/ferry/wrapper/record"
)

// A shownPlan is what `ferry module run --dry-run --json` prints.
type shownPlan struct {
	Command   []string       `json:"command"`
	Image     string         `json:"image"`
	ImageFrom string         `json:"image_from"`
	Stdin     string         `json:"stdin"`
	Stdout    string         `json:"stdout"`
	Stderr    string         `json:"stderr"`
	Inputs    []module.Input `json:"inputs"`
	Env       []string       `json:"env,omitempty"`
	Resources shownResources `json:"resources"`
	WorkDir   string         `json:"workdir"`
	LibDir    string         `json:"libdir"`
	Notes     []string       `json:"notes,omitempty"`
}

// print prints the plan. Passwords are not in it.
func (r *moduleRunner) print() error {
	p := r.result
	d := shownPlan{Command: masked(p.Secrets, p.Command), Image: p.Image.Ref, ImageFrom: p.Image.From, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr, Inputs: p.Inputs,
		Env: masked(p.Secrets, p.Env), WorkDir: r.layout.WorkDir, LibDir: r.layout.LibDir, Notes: p.Notes}
	if d.Inputs == nil {
		d.Inputs = []module.Input{}
	}
	if res := resourcesOf(p.Resources); res != nil {
		d.Resources = *res
	}
	if r.args.json {
		return printJSON(r.world.stdout, d)
	}
	var b strings.Builder
	line := func(name, text string) { fmt.Fprintf(&b, "%-10s %s\n", name, text) }
	line("image", fmt.Sprintf("%s (%s)", d.Image, d.ImageFrom))
	words := make([]string, len(d.Command))
	for i, w := range d.Command {
		words[i] = execsh.Quote(w)
	}
	line("command", strings.Join(words, " "))
	for _, s := range [][2]string{{"stdin", d.Stdin}, {"stdout", d.Stdout}, {"stderr", d.Stderr}, {"workdir", d.WorkDir}, {"module", d.LibDir}} {
		if s[1] != "" {
			line(s[0], s[1])
		}
	}
	for _, in := range d.Inputs {
		line("input", fmt.Sprintf("%s: %s -> %s", in.Param, egress.ShownAny(in.Source), in.Path))
	}
	if p.Resources.Memory > 0 {
		line("memory", fmt.Sprint(p.Resources.Memory))
	}
	_, err := io.WriteString(&visible.Writer{W: r.world.stdout}, b.String())
	return err
}

// masked are texts without the secrets in them.
func masked(secrets, all []string) []string {
	all = slices.Clone(all)
	for i := range all {
		for _, secret := range secrets {
			if secret != "" {
				all[i] = strings.ReplaceAll(all[i], secret, "***")
			}
		}
	}
	return all
}

// A ranModule is what `ferry module run --json` prints at the end.
type ranModule struct {
	Module   string   `json:"module"`
	LSID     string   `json:"lsid,omitempty"`
	WorkDir  string   `json:"workdir"`
	ExitCode int      `json:"exit_code"`
	Results  []string `json:"results"` // relative to workdir
}

// report says how the module ended and which results there are.
func (r *moduleRunner) report(w world, ended error) error {
	d := ranModule{Module: r.module.Manifest.Name, LSID: string(r.module.Manifest.LSID), WorkDir: r.layout.WorkDir, Results: r.results()}
	var code exitError
	if errors.As(ended, &code) {
		d.ExitCode = int(code)
	} else if ended != nil {
		return ended
	}
	if r.args.json {
		return printJSON(w.stdout, d)
	}
	if r.quiet {
		return nil
	}
	dir := d.WorkDir
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, dir); err == nil && !strings.HasPrefix(rel, "..") {
			dir = rel
		}
	}
	fmt.Fprintf(w.stderr, "results in %s: %s\n", dir, oneLine(shortList(d.Results)))
	if d.ExitCode != 0 {
		fmt.Fprintf(w.stderr, "exit code %d; what happened is in %s\n", d.ExitCode, filepath.Join(dir, metadataDir, record.FileName))
	}
	return nil
}

func shortList(names []string) string {
	const most = 12
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// results are the files below the working dir, but for those whose names begin with a dot and those that went in.
func (r *moduleRunner) results() []string {
	all := []string{}
	work := r.layout.WorkDir
	_ = filepath.WalkDir(work, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || p == work:
			return nil
		case strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || d.Type()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0 || slices.ContainsFunc(r.result.Inputs, func(in module.Input) bool { return in.Path == p }):
			return nil
		}
		all = append(all, strings.TrimPrefix(p, work+"/"))
		return nil
	})
	return all
}

// A tail shows a file that grows.
type tail struct {
	file string
	to   io.Writer
	f    *os.File
}

// more shows what was added.
func (t *tail) more() {
	if t.f == nil {
		st, err := os.Lstat(t.file)
		if err != nil || !st.Mode().IsRegular() {
			return
		}
		if t.f, err = os.OpenFile(t.file, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0); err != nil {
			return
		}
	}
	_, _ = io.Copy(t.to, t.f) // whoever reads it may be gone
}

func (t *tail) close() {
	if t.f != nil {
		_ = t.f.Close()
	}
}

// tailPause is between two looks at files that grow.
const tailPause = 200 * time.Millisecond

// followBoth shows two files until it is told to stop, and then the rest of them.
func followBoth(stop <-chan struct{}, all ...*tail) {
	tick := time.NewTicker(tailPause)
	defer tick.Stop()
	for ended := false; ; {
		for _, t := range all {
			t.more()
		}
		if ended {
			break
		}
		select {
		case <-stop:
			ended = true
		case <-tick.C:
		}
	}
	for _, t := range all {
		t.close()
	}
}
