package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/job"
)

// runModule is `ferry module run`.
func runModule(c *cli.Context, w world, a moduleArgs) error {
	log, err := newLog(c.String("log-format"), c.String("log-level"), w)
	if err != nil {
		return err
	}
	flags := flagSettings(c)
	delete(flags, "dry-run")
	r := &moduleRunner{world: w, args: a, flags: flags, log: log}
	defer r.close()
	ctx, stop := interruptible(c.Context)
	defer stop()
	if err := r.plan(ctx); err != nil {
		return err
	}
	if a.dryRun {
		return r.print()
	}
	if err := r.prepare(ctx); err != nil {
		r.abandon()
		return err
	}
	if err := context.Cause(ctx); err != nil {
		r.abandon()
		return err
	}
	if a.to == "" {
		r.world.signals = listen() // before the others are given up: none is lost
	}
	stop()
	if a.to != "" {
		s := submitArgs{run: runArgs{flags: r.settings()}, to: a.to, show: showArgs{json: a.json, wait: c.Bool("wait"), detach: c.Bool("detach"), ended: r.tidy}, scheduler: schedulerSettings(c)}
		return submitJob(c.Context, w, s, log)
	}
	return r.run(c.Context)
}

// A moduleRunner takes a module from its parameters to its results.
type moduleRunner struct {
	world  world
	args   moduleArgs
	flags  job.Settings // the person's own options of the job
	log    zerolog.Logger
	module openedModule
	given  module.Given
	layout module.Layout
	opts   module.Options
	result module.Plan
	names  map[string]string // what fetched URLs are called
	made   bool              // the working dir is ferry's choice
	quiet  bool              // the module's output is not shown
}

func (r *moduleRunner) close() {
	if r.module.Source != nil {
		_ = r.module.Close()
	}
}

// decided are the options of a job that a module's run decides itself.
var decided = []string{"exec", "module-dir", "metadata-dir", "in-place", "sync-script", "stdout-file", "stderr-file", "exit-code-file", "stage", "freeze", "frozen"}

// plan reads the module and makes its plan. It writes nothing but a module that is at a URL.
func (r *moduleRunner) plan(ctx context.Context) (err error) {
	for _, name := range decided {
		if v, ok := r.flags[name]; ok {
			return cause.Fail(cause.Usage, "", "%s: ferry module run says that itself", v.From)
		}
	}
	if r.args.to == "" && r.flags.Last("remote") != "" {
		return cause.Fail(cause.Usage, "such as --to batch:QUEUE", "--remote is for --to: without it the module runs here, on files of this machine")
	}
	if r.module.Source == nil {
		if r.module, err = openModule(ctx, r.world, r.args.path); err != nil {
			return err
		}
	}
	m := r.module.Manifest
	if err := m.Refuse(); err != nil {
		return err
	}
	if r.opts, err = r.args.options(r.flags.Last("image")); err != nil {
		return err
	}
	r.opts.Lib = r.module.Files
	if r.given == nil {
		if r.given, err = r.args.values(m); err != nil {
			return err
		}
	}
	r.limits()
	if !r.args.dryRun {
		if err := newFetcher(r.world, settingsOf(r.flags)).choose(ctx, m, r.given); err != nil {
			return err
		}
	}
	if err := r.layOut(); err != nil {
		return err
	}
	if r.result, err = module.Compile(m, r.given, r.layout, r.opts); err != nil {
		return err
	}
	return r.check()
}

// limits makes the job's own options of memory and walltime what placeholders show.
func (r *moduleRunner) limits() {
	if v := r.flags.Last("memory"); v != "" {
		if n, err := units.RAMInBytes(v); err == nil {
			r.given["job.memory"] = []module.Value{{Text: fmt.Sprintf("%db", n)}}
		}
	}
	if v := r.flags.Last("cpus"); v != "" {
		r.given["job.cpuCount"] = []module.Value{{Text: v}}
	}
}

// layOut decides where everything is.
func (r *moduleRunner) layOut() error {
	work, err := r.workDir()
	if err != nil {
		return err
	}
	lib := r.module.Dir
	if lib == "" {
		if lib, err = r.cached(); err != nil {
			return err
		}
	}
	r.names = map[string]string{}
	r.layout = module.Layout{
		LibDir: lib, WorkDir: work, InputDir: path.Join(work, metadataDir, "inputs"), JobID: r.flags.Last("job-id"), User: r.flags.Last("user-id"),
		Local: filepath.Abs, Check: checkLocal,
		Name: func(url string) (string, bool) { name, ok := r.names[url]; return name, ok },
	}
	if r.layout.JobID == "" {
		r.layout.JobID = path.Base(work)
	}
	return nil
}

const metadataDir = ".gp_metadata"

// workDir is the one that was asked for, or a new one named after the module.
func (r *moduleRunner) workDir() (string, error) {
	if dir := r.flags.Last("workdir"); dir != "" {
		return filepath.Abs(dir)
	}
	r.made = true
	name := strings.Trim(job.Usable(r.module.Manifest.Name), ".")
	for n := 1; n < 100_000; n++ {
		dir := name
		if n > 1 {
			dir = fmt.Sprintf("%s.%d", name, n)
		}
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			return filepath.Abs(dir)
		}
	}
	return "", cause.Fail(cause.Usage, "give --workdir", "there are too many directories called %s", name)
}

// cached is where a zip is unpacked: by its content, once for all its runs.
func (r *moduleRunner) cached() (string, error) {
	cache, _ := r.world.lookup("XDG_CACHE_HOME")
	if !filepath.IsAbs(cache) {
		home, _ := r.world.lookup("HOME")
		if !filepath.IsAbs(home) {
			return "", cause.Fail(cause.Usage, "set XDG_CACHE_HOME to a directory of yours", "neither XDG_CACHE_HOME nor HOME says where ferry may unpack modules")
		}
		cache = filepath.Join(home, ".cache")
	}
	sum := sha256.New()
	if err := r.module.Hash(sum); err != nil {
		return "", cause.Name(context.Background(), cause.Usage, "", err)
	}
	name := strings.Trim(job.Usable(r.module.Manifest.Name), ".") + "-" + hex.EncodeToString(sum.Sum(nil)[:8])
	return filepath.Join(cache, "ferry", "modules", name), nil
}

// prepare makes the working dir, fetches what is elsewhere, and writes what the job reads.
func (r *moduleRunner) prepare(ctx context.Context) (err error) {
	meta := path.Join(r.layout.WorkDir, metadataDir)
	if r.made {
		err = os.Mkdir(r.layout.WorkDir, 0o755)
	}
	if err == nil {
		err = os.MkdirAll(meta, 0o755)
	}
	if err != nil {
		return cause.Name(ctx, cause.Usage, "give another --workdir", fmt.Errorf("making the working dir: %w", err))
	}
	if err := os.RemoveAll(r.layout.InputDir); err != nil { // an earlier run's
		return cause.Name(ctx, cause.Usage, "", err)
	}
	if err := r.unpack(); err != nil {
		return err
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	for _, l := range r.result.Lists {
		err := os.MkdirAll(path.Dir(l.Path), 0o755)
		if err == nil {
			err = os.WriteFile(l.Path, l.Data, 0o644)
		}
		if err != nil {
			return cause.Name(ctx, cause.Usage, "", fmt.Errorf("writing a list of files: %w", err))
		}
	}
	for _, stream := range []string{r.result.Stdout, r.result.Stderr} {
		if err := os.MkdirAll(path.Dir(r.inWork(stream)), 0o755); err != nil {
			return cause.Name(ctx, cause.Usage, "", err)
		}
	}
	text, err := r.script()
	if err != nil {
		return err
	}
	return cause.Name(ctx, cause.Usage, "", os.WriteFile(path.Join(meta, "exec.sh"), text, 0o600))
}

// fetch brings the inputs that are at URLs, and makes the plan again with the names that they turned out to have.
func (r *moduleRunner) fetch(ctx context.Context) (err error) {
	f := newFetcher(r.world, settingsOf(r.flags))
	tmp := path.Join(r.layout.InputDir, ".fetched")
	defer func() { _ = os.RemoveAll(tmp) }()
	files := map[string]string{}
	for i, in := range r.result.Inputs {
		if _, there := files[in.Source]; there || !module.IsURL(in.Source) || in.Path == in.Source {
			continue
		}
		fmt.Fprintf(r.world.stderr, "fetching %s\n", oneLine(egress.ShownAny(in.Source)))
		if files[in.Source], err = f.fetch(ctx, in.Source, path.Join(tmp, strconv.Itoa(i))); err != nil {
			return err
		}
		r.names[in.Source] = path.Base(files[in.Source])
	}
	if len(files) == 0 {
		return nil
	}
	if r.result, err = module.Compile(r.module.Manifest, r.given, r.layout, r.opts); err != nil {
		return err
	}
	for _, in := range r.result.Inputs {
		from, ok := files[in.Source]
		if !ok {
			continue
		}
		err := os.MkdirAll(path.Dir(in.Path), 0o755)
		if err == nil {
			err = os.Link(from, in.Path) // a URL may be given twice
		}
		if err != nil {
			return cause.Name(ctx, cause.StageIn, "", err)
		}
	}
	return nil
}

// unpack unpacks a zip where no earlier run did. Others see all of it or nothing.
func (r *moduleRunner) unpack() error {
	if r.module.Dir != "" || fileExists(r.layout.LibDir) {
		return nil
	}
	parent := filepath.Dir(r.layout.LibDir)
	err := os.MkdirAll(parent, 0o755)
	var tmp string
	if err == nil {
		tmp, err = os.MkdirTemp(parent, ".unpacking-")
	}
	if err != nil {
		return cause.Name(context.Background(), cause.Usage, "", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := r.module.Unpack(tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return cause.Name(context.Background(), cause.Usage, "", err)
	}
	if err := os.Rename(tmp, r.layout.LibDir); err != nil && !fileExists(r.layout.LibDir) {
		return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("unpacking the module: %w", err))
	}
	return nil
}

// abandon removes a working dir in which nothing has run.
func (r *moduleRunner) abandon() {
	if r.made {
		_ = os.RemoveAll(path.Join(r.layout.WorkDir, metadataDir))
		_ = os.Remove(r.layout.WorkDir)
	}
}

// run runs the module in this process, and says where its results are.
func (r *moduleRunner) run(ctx context.Context) error {
	w, out := r.world.steady()
	stdout := w.stdout
	if r.args.json || r.quiet {
		w.stdout = w.stderr
	}
	show := r.follow(w)
	err := runJob(ctx, w, runArgs{flags: r.settings(), hurry: out.hurry}, r.log)
	show()
	r.tidy()
	w.stdout = stdout
	if e := r.report(w, err); err == nil {
		err = e
	}
	out.flush()
	return err
}

// follow shows the files that the module writes its output to, as they grow. The function that it gives shows the rest.
func (r *moduleRunner) follow(w world) (end func()) {
	if r.args.json || r.quiet {
		return func() {}
	}
	a := tail{file: r.inWork(r.result.Stdout), to: foreign(w.stdout)}
	b := tail{file: r.inWork(r.result.Stderr), to: foreign(w.stderr)}
	if r.result.Stdout != "stdout.txt" {
		a.to = io.Discard // the module's result, and not what it says
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		followBoth(stop, &a, &b)
	}()
	return func() { close(stop); <-ended }
}

// tidy removes what a server's users never see: empty files of output, and passwords.
func (r *moduleRunner) tidy() {
	for _, stream := range []string{r.result.Stdout, r.result.Stderr} {
		if st, err := os.Lstat(r.inWork(stream)); err == nil && st.Mode().IsRegular() && st.Size() == 0 && path.Base(stream) == stream && strings.HasPrefix(stream, "std") {
			_ = os.Remove(r.inWork(stream))
		}
	}
	if len(r.result.Secrets) > 0 {
		_ = os.Remove(path.Join(r.layout.WorkDir, metadataDir, "exec.sh"))
	}
}
