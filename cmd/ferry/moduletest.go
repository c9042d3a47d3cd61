package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/job"
)

func moduleTest(w world) *cli.Command {
	flags := append([]cli.Flag{
		&cli.StringSliceFlag{Name: "define", Aliases: []string{"D"}, KeepSpace: true, Usage: "`NAME=VALUE`: what <%NAME%> stands for in cases; repeatable"},
		&cli.StringFlag{Name: "junit", Usage: "write the results to `FILE`, as JUnit does"},
		&cli.IntFlag{Name: "parallel", Value: runtime.NumCPU(), Usage: "run at most `N` cases at once"},
		&cli.BoolFlag{Name: "allow-scripts", Usage: "run the programs that cases name in diffCmd, without asking"},
		&cli.StringFlag{Name: "modules", Usage: "`DIR` with the modules that cases name"},
		jsonFlag(),
	}, paramFlags()...)
	for _, f := range runFlags() {
		if !slices.Contains([]string{"job", "handle", "child", "watch-spot", "dry-run", "workdir"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{Name: "test", Usage: "run GpUnit cases", ArgsUsage: "[MODULE] CASE.yml…", Flags: flags,
		Description: "A CASE may be a directory of cases. Without MODULE each case's own `module` is looked for in --modules.",
		Action: func(c *cli.Context) error {
			log := zerolog.Nop() // what ferry says of a case is shown where that fails
			t := &tester{world: w, flags: flagSettings(c), log: log, args: moduleArgs{set: c.StringSlice("set"), images: c.String("images")},
				scripts: c.Bool("allow-scripts"), modules: c.String("modules"), json: c.Bool("json"), props: map[string]string{}, opened: map[string]openedModule{}}
			defer t.close()
			for _, text := range c.StringSlice("define") {
				name, value, ok := strings.Cut(text, "=")
				if !ok || name == "" {
					return cause.Fail(cause.Usage, "", "-D %q is not NAME=VALUE", text)
				}
				t.props[name] = value
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			return t.all(ctx, c.Args().Slice(), max(c.Int("parallel"), 1), c.String("junit"))
		}}
}

// A tester runs cases.
type tester struct {
	world   world
	flags   job.Settings
	log     zerolog.Logger
	args    moduleArgs
	scripts bool
	modules string // where the modules are that cases name
	listed  []module.Listed
	json    bool
	props   map[string]string
	opened  map[string]openedModule // by path
}

func (t *tester) close() {
	for _, m := range t.opened {
		_ = m.Close()
	}
}

// A testCase is a case and the module it is for.
type testCase struct {
	module.Case
	of  openedModule
	err error // why it cannot be run
}

// A caseResult is how a case ended. It is also what --json prints.
type caseResult struct {
	Case    string   `json:"case"`
	Module  string   `json:"module"`
	File    string   `json:"file"`
	Passed  bool     `json:"passed"`
	Seconds float64  `json:"seconds"`
	Reasons []string `json:"reasons,omitempty"`
	Said    string   `json:"output,omitempty"` // of a case that failed
}

// all runs all cases and prints them. Its error is the exit code 1 where one failed.
func (t *tester) all(ctx context.Context, args []string, parallel int, junit string) error {
	cases, err := t.find(ctx, args)
	if err != nil {
		return err
	}
	if err := t.ask(cases); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ferry-test-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	begun := time.Now()
	results := make([]caseResult, len(cases))
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range cases {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() == nil {
				results[i] = t.one(ctx, cases[i], filepath.Join(dir, fmt.Sprint(i+1)))
			} else {
				results[i] = caseResult{Case: cases[i].Name, File: cases[i].File, Reasons: []string{"it was not run: told to stop"}}
			}
			mu.Lock()
			defer mu.Unlock()
			t.print(results[i])
		})
	}
	wg.Wait()
	if junit != "" {
		if err := writeJUnit(junit, results); err != nil {
			return cause.Fail(cause.Usage, "", "--junit %s: %w", junit, pathless(err))
		}
	}
	failed := slices.ContainsFunc(results, func(r caseResult) bool { return !r.Passed })
	if !t.json {
		verdict := "PASS"
		if failed {
			verdict = "FAIL"
		}
		fmt.Fprintf(t.world.stdout, "%s\n%s\t%d cases\t%.3fs\n", verdict, map[bool]string{false: "ok  ", true: "FAIL"}[failed], len(results), time.Since(begun).Seconds())
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed:
		return exitError(1)
	}
	return nil
}

// find reads the cases that the arguments name. The first argument may be the module.
func (t *tester) find(ctx context.Context, args []string) ([]testCase, error) {
	var of *openedModule
	if len(args) > 0 && isModule(args[0]) {
		m, err := t.open(ctx, args[0])
		if err != nil {
			return nil, err
		}
		of, args = &m, args[1:]
	}
	var files []string
	for _, a := range args {
		found, err := caseFiles(a)
		if err != nil {
			return nil, cause.Fail(cause.Usage, "", "%s: %w", a, pathless(err))
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, cause.Fail(cause.Usage, "ferry module test --help", "there is no case to run")
	}
	var all []testCase
	for _, f := range files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		all = append(all, t.read(ctx, f, of))
	}
	return all, nil
}

func isModule(name string) bool {
	if module.IsURL(name) || strings.EqualFold(filepath.Ext(name), ".zip") {
		return true
	}
	return fileExists(filepath.Join(name, "manifest"))
}

func (t *tester) open(ctx context.Context, name string) (openedModule, error) {
	if m, ok := t.opened[name]; ok {
		return m, nil
	}
	m, err := openModule(ctx, t.world, name)
	if err == nil {
		t.opened[name] = m
	}
	return m, err
}

// caseFiles are a file, or the cases in a directory and below it.
func caseFiles(name string) ([]string, error) {
	st, err := os.Stat(name)
	if err != nil || !st.IsDir() {
		return []string{name}, err
	}
	var all []string
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if ext := strings.ToLower(filepath.Ext(p)); err == nil && !d.IsDir() && (ext == ".yml" || ext == ".yaml") {
			all = append(all, p)
		}
		return err
	})
	return all, err
}

// read reads one case. What is wrong with it is a failure of this case.
func (t *tester) read(ctx context.Context, file string, of *openedModule) testCase {
	c := testCase{Case: module.Case{File: file, Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}}
	data, err := bounded.Head(file, jobFileMax+1)
	if err == nil && len(data) > jobFileMax {
		err = fmt.Errorf("%s is larger than %d bytes", file, jobFileMax)
	}
	if err != nil {
		c.err = err
		return c
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		c.err = err
		return c
	}
	if of == nil {
		named, err := module.ParseCase(abs, data, t.props, nil)
		if err == nil {
			of, err = t.named(ctx, named.Module, filepath.Dir(abs))
		}
		if err != nil {
			c.err = err
			return c
		}
	}
	c.of = *of
	c.Case, c.err = module.ParseCase(abs, data, t.props, &of.Manifest)
	c.File = file
	return c
}

// named finds the module that a case names: a path beside the case, or a name or LSID among --modules.
func (t *tester) named(ctx context.Context, name, dir string) (*openedModule, error) {
	for _, p := range []string{filepath.Join(dir, name), filepath.Join(t.modules, name)} {
		if name != "" && isModule(p) && fileExists(p) {
			m, err := t.open(ctx, p)
			return &m, err
		}
	}
	if t.modules != "" {
		if t.listed == nil {
			all, err := module.List(t.modules)
			if err != nil {
				return nil, err
			}
			t.listed = all
		}
		for _, l := range t.listed {
			if l.Manifest.Name != "" && (l.Manifest.Name == name || l.Manifest.LSID.SameModule(module.LSID(name))) {
				m, err := t.open(ctx, l.Path)
				return &m, err
			}
		}
	}
	return nil, fmt.Errorf("its module %q is not found: give the module first, or --modules DIR", name)
}

// ask asks whether the programs that cases bring may be run.
func (t *tester) ask(cases []testCase) error {
	names := map[string]bool{}
	for _, c := range cases {
		for _, s := range c.Scripts() {
			names[s] = true
		}
	}
	if len(names) == 0 || t.scripts {
		return nil
	}
	list := strings.Join(slices.Sorted(maps.Keys(names)), ", ")
	if !terminal(os.Stdin) || !terminal(t.world.stderr) {
		return cause.Fail(cause.Refused, "--allow-scripts runs them", "the cases run programs of their own on this machine: %s", list)
	}
	fmt.Fprintf(t.world.stderr, "the cases run these programs on this machine: %s\nrun them? [y/N] ", oneLine(list))
	answer, _ := bufio.NewReader(io.LimitReader(os.Stdin, bounded.Small)).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return cause.Fail(cause.Refused, "", "the programs of the cases were not to be run")
	}
	return nil
}

// one runs one case in a directory of its own.
func (t *tester) one(ctx context.Context, c testCase, dir string) (r caseResult) {
	begun := time.Now()
	r = caseResult{Case: c.Name, File: c.File}
	defer func() { r.Seconds, r.Passed = time.Since(begun).Seconds(), len(r.Reasons) == 0 }()
	if c.err != nil {
		r.Reasons = []string{c.err.Error()}
		return r
	}
	r.Module = c.of.Manifest.Name
	said := &lockedBuffer{}
	w := t.world
	w.stdout, w.stderr = said, said
	flags := maps.Clone(t.flags)
	flags["workdir"] = job.Setting{Values: []string{dir}, From: "--workdir"}
	args := t.args
	args.path = c.of.Name
	run := &moduleRunner{world: w, args: args, flags: flags, log: t.log, module: c.of, given: c.Given, quiet: true}
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = run.plan(ctx)
	}
	if err == nil {
		err = run.prepare(ctx)
	}
	if err == nil {
		err = run.run(ctx)
	}
	r.Reasons = c.judge(ctx, run, err, dir)
	if len(r.Reasons) > 0 {
		r.Said = said.String() + tailOf(filepath.Join(dir, "stderr.txt"))
	}
	return r
}

// judge finds the assertions that do not hold.
func (c testCase) judge(ctx context.Context, run *moduleRunner, ended error, dir string) (bad []string) {
	a := c.Assertions
	var code exitError
	switch {
	case ended != nil && !a.Failure && errors.As(ended, &code):
		return []string{fmt.Sprintf("the job failed with exit code %d", int(code))}
	case ended != nil && !a.Failure:
		return []string{oneLine(ended.Error())}
	case ended == nil && a.Failure:
		bad = append(bad, "the job succeeded, and was to fail")
	}
	var results []string
	if fileExists(dir) && run.module.Source != nil {
		results = run.results()
	}
	if a.NumFiles >= 0 && a.NumFiles != len(results) {
		bad = append(bad, fmt.Sprintf("numFiles: %d results, not %d: %s", len(results), a.NumFiles, strings.Join(results, ", ")))
	}
	for _, f := range a.Files {
		bad = append(bad, checkFile(ctx, a, f, dir, results)...)
	}
	if a.OutputDir != "" {
		bad = append(bad, checkDir(ctx, a, dir, results)...)
	}
	return bad
}

func (t *tester) print(r caseResult) {
	if t.json {
		_ = printJSON(t.world.stdout, r)
		return
	}
	verdict := "PASS"
	if !r.Passed {
		verdict = "FAIL"
	}
	fmt.Fprintf(t.world.stdout, "--- %s: %s (%.2fs)\n", verdict, oneLine(r.Case), r.Seconds)
	for _, reason := range r.Reasons {
		fmt.Fprintf(t.world.stdout, "    %s: %s\n", oneLine(r.File), oneLine(reason))
	}
	for line := range strings.Lines(r.Said) {
		fmt.Fprintf(t.world.stdout, "        %s\n", oneLine(line))
	}
}
