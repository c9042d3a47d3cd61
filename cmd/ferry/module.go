package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/internal/egress"
)

func moduleCommand(w world) *cli.Command {
	c := &cli.Command{
		Name:  "module",
		Usage: "run GenePattern modules without a server",
		Description: "MODULE is a zip or a directory with a manifest, a zip in a zip (all.zip/One.zip), or a URL of a zip.\n" +
			"ferry module show MODULE lists a module's parameters.",
		Subcommands: []*cli.Command{moduleShow(w), moduleRun(w), moduleTest(w), moduleList(w)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cause.Fail(cause.Usage, "ferry module --help lists them", "ferry module: no such command: %q", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
	for _, sub := range c.Subcommands {
		sub.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
			return &cause.Error{Cause: cause.Usage, Hint: fmt.Sprintf("ferry module %s --help", sub.Name), Err: err}
		}
	}
	return c
}

// one is the one argument of a command.
func one(c *cli.Context, what string) (string, error) {
	if c.Args().Len() != 1 {
		return "", cause.Fail(cause.Usage, fmt.Sprintf("ferry module %s --help", c.Command.Name), "ferry module %s takes one %s, not %d arguments", c.Command.Name, what, c.Args().Len())
	}
	return c.Args().First(), nil
}

// moduleArgs are the arguments of `ferry module run`, without those of the job.
type moduleArgs struct {
	path   string
	params []string // NAME=VALUE
	files  []string // of parameters
	set    []string // PLACEHOLDER=VALUE
	images string   // a table's file, "" for none
	json   bool
	dryRun bool
	to     string // "" for this process
}

// paramFlags are the flags that both `run` and `test` have of a module.
func paramFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "set", KeepSpace: true, Usage: "`NAME=VALUE`: what the placeholder <NAME> of a command line stands for; repeatable"},
		&cli.StringFlag{Name: "images", Usage: "`FILE`: a table of images for modules that name none", EnvVars: []string{"FERRY_IMAGES"}},
	}
}

func moduleRun(w world) *cli.Command {
	flags := append([]cli.Flag{
		&cli.StringSliceFlag{Name: "param", Aliases: []string{"p"}, KeepSpace: true, Usage: "`NAME=VALUE`: a parameter; NAME@GROUP=FILE for files in groups; repeatable"},
		&cli.StringSliceFlag{Name: "params", Usage: "`FILE` of parameters: JSON, YAML, or a server's gp_execution_log.txt; repeatable"},
		&cli.StringFlag{Name: "to", Usage: "`TARGET`, as of ferry submit; without it the module runs here and now", EnvVars: []string{"FERRY_TO"}},
	}, paramFlags()...)
	for _, f := range submitFlags() {
		if !slices.Contains([]string{"to", "stdin", "array", "each", "parallel", "again", "only", "retry-oom", "job"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name: "run", Usage: "run a module on files of this machine or URLs", ArgsUsage: "MODULE -p NAME=VALUE…", Flags: flags,
		Description: "The results are in --workdir, by default a new directory named after the module. The options of `ferry run` are taken, too.",
		Action: func(c *cli.Context) error {
			name, err := one(c, "module")
			if err != nil {
				return err
			}
			a := moduleArgs{path: name, params: c.StringSlice("param"), files: c.StringSlice("params"), set: c.StringSlice("set"), images: c.String("images"),
				json: c.Bool("json"), dryRun: c.Bool("dry-run"), to: c.String("to")}
			return runModule(c, w, a)
		},
	}
}

func moduleShow(w world) *cli.Command {
	return &cli.Command{Name: "show", Usage: "say what a module is and which parameters it has", ArgsUsage: "MODULE",
		Flags: append([]cli.Flag{jsonFlag()}, paramFlags()[1:]...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "module")
			if err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			s, err := openModule(ctx, w, name)
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			table, err := readImages(c.String("images"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(w.stdout, describeModule(s.Source, table))
			}
			return showModule(w.stdout, describeModule(s.Source, table))
		}}
}

func moduleList(w world) *cli.Command {
	return &cli.Command{Name: "list", Usage: "list the modules in a directory, those in zips and in zips of zips, too", ArgsUsage: "DIR", Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			dir, err := one(c, "directory")
			if err != nil {
				return err
			}
			all, err := module.List(dir)
			if err != nil {
				return err
			}
			return listModules(w, all, c.Bool("json"))
		}}
}

// readImages reads a site's table.
func readImages(name string) (module.Images, error) {
	if name == "" {
		return nil, nil
	}
	data, err := bounded.File(name, 16*bounded.Small)
	if err == nil {
		var t module.Images
		if t, err = module.ParseImages(data); err == nil {
			return t, nil
		}
	}
	return nil, cause.Fail(cause.Usage, "", "--images %s: %w", name, pathless(err))
}

// options are what a person gives besides parameters.
func (a moduleArgs) options(image string) (o module.Options, err error) {
	o = module.Options{Image: image, Set: map[string]string{}}
	for _, text := range a.set {
		name, value, ok := strings.Cut(text, "=")
		if name = strings.TrimSuffix(strings.TrimPrefix(name, "<"), ">"); !ok || name == "" {
			return o, cause.Fail(cause.Usage, "", "--set %q is not NAME=VALUE", text)
		}
		o.Set[name] = value
	}
	o.Images, err = readImages(a.images)
	return o, err
}

// values are the parameters that were given, by files and then by the command line.
func (a moduleArgs) values(m module.Manifest) (module.Given, error) {
	g, own := module.Given{}, map[string]bool{}
	for _, name := range a.files {
		data, err := bounded.Head(name, jobFileMax+1)
		if err == nil && len(data) > jobFileMax {
			err = fmt.Errorf("larger than %d bytes", jobFileMax)
		}
		if err != nil {
			return nil, cause.Fail(cause.Usage, "", "--params %s: %w", name, pathless(err))
		}
		if err := g.AddFile(name, data); err != nil {
			return nil, cause.Fail(cause.Usage, "", "--params %w", err)
		}
	}
	var bad []error
	for _, text := range a.params {
		bad = append(bad, g.Add(m, own, text))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, &cause.Error{Cause: cause.Usage, Err: err}
	}
	return g, nil
}

// An openedModule is a module, and the file that it was fetched into.
type openedModule struct {
	*module.Source
	file string // of the zip here; "" for a directory
	drop func()
}

func (o openedModule) Close() error {
	err := o.Source.Close()
	if o.drop != nil {
		o.drop()
	}
	return err
}

// openModule opens a module, which may be at a URL.
func openModule(ctx context.Context, w world, name string) (openedModule, error) {
	if !module.IsURL(name) {
		s, err := module.Open(name)
		return openedModule{Source: s, file: name}, err
	}
	dir, err := os.MkdirTemp("", "ferry-module-")
	if err != nil {
		return openedModule{}, err
	}
	drop := func() { _ = os.RemoveAll(dir) }
	f := newFetcher(w, nil)
	f.limit = module.MaxBytes
	file, err := f.fetch(ctx, name, dir)
	if err == nil {
		var s *module.Source
		if s, err = module.OpenAs(file, egress.ShownAny(name)); err == nil {
			return openedModule{Source: s, file: file, drop: drop}, nil
		}
	}
	drop()
	return openedModule{}, err
}
