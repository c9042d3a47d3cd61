package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// syncArgs are the arguments of `ferry sync`.
type syncArgs struct {
	src, dst   string
	options    ferrysync.Options
	settings   store.Settings // of the store
	transfers  int
	onlyErrors bool
	quiet      bool
	recursive  bool  // of cp
	expected   int64 // of a stream, in bytes
	noProgress bool
	debug      bool

	sourceRegion string // of the source of a copy
	// quietGlacier matters unless archived objects are asked for.
	quietGlacier bool
	help         bool
}

// A syncOption is one of the options. A switch has set alone, others have value.
type syncOption struct {
	name, usage string
	hidden      bool
	form        store.Form
	set         func(*syncArgs)
	value       func(*syncArgs, string) error
}

// words are how many of args, which follow the option, are its values.
func (o syncOption) words(args []string) int {
	switch {
	case len(o.form.Alone) > 0 && (len(args) == 0 || !slices.Contains(o.form.Alone, args[0])):
		return 0
	case !o.form.Many:
		return min(1, len(args))
	}
	n := 0
	for n < len(args) && !strings.HasPrefix(args[n], "-") && strings.Contains(args[n], "=") {
		n++
	}
	return n
}

// syncOptions are the command's own, and those that the stores declare.
func syncOptions(kinds stores.Registry) []syncOption {
	return append(compareOptions(), transferOptions(kinds)...)
}

// transferOptions are those of every command that transfers.
func transferOptions(kinds stores.Registry) []syncOption {
	all := append(ownOptions(), idleOptions()...)
	for _, o := range kinds.Options() {
		all = append(all, storeOption(o))
	}
	return all
}

// storeOption passes on what is given for a store.
func storeOption(o store.Option) syncOption {
	s := syncOption{name: o.Name, usage: o.Usage, hidden: o.Hidden, form: o.Form}
	if o.Arg == "" {
		s.set = func(a *syncArgs) { a.settings[o.Name] = "true" }
		return s
	}
	s.usage = strings.Replace(s.usage, o.Arg, "`"+o.Arg+"`", 1) // what the library calls the value
	s.value = func(a *syncArgs, v string) error {
		a.settings[o.Name] = v
		if err := o.Check(v); err != nil {
			return fmt.Errorf("--%s: %w", o.Name, err)
		}
		return nil
	}
	return s
}

// compareOptions are those of a command that compares both sides.
func compareOptions() []syncOption {
	return []syncOption{
		{name: "delete", usage: "delete at the destination what the source does not have", set: func(a *syncArgs) { a.options.Delete = true }},
		{name: "exact-timestamps", usage: "download also what is newer at the source but of the same size", set: func(a *syncArgs) { a.options.ExactTimestamps = true }},
		{name: "size-only", usage: "compare nothing but sizes", set: func(a *syncArgs) { a.options.SizeOnly = true }},
	}
}

func ownOptions() []syncOption {
	filter := func(include bool) func(*syncArgs, string) error {
		return func(a *syncArgs, v string) error {
			a.options.Filters = append(a.options.Filters, ferrysync.Filter{Include: include, Pattern: v})
			return nil
		}
	}
	return []syncOption{
		{name: "exclude", usage: "leave out what matches `PATTERN` (repeatable)", value: filter(false)},
		{name: "include", usage: "but not what matches `PATTERN` (repeatable)", value: filter(true)},
		{name: "dryrun", usage: "say what would be done", set: func(a *syncArgs) { a.options.DryRun = true }},
		{name: "follow-symlinks", usage: "send what symlinks within SRC lead to (default)", set: func(a *syncArgs) { a.options.NoFollow = false }},
		{name: "no-follow-symlinks", usage: "pass over symlinks", set: func(a *syncArgs) { a.options.NoFollow = true }},
		{name: "preserve", usage: "keep permissions, times and empty directories in the objects' metadata", set: func(a *syncArgs) { a.options.Preserve = true }},
		{name: "only-show-errors", usage: "print errors and warnings only", set: func(a *syncArgs) { a.onlyErrors = true }},
		{name: "quiet", usage: "print nothing", set: func(a *syncArgs) { a.quiet = true }},
		{name: "no-guess-mime-type", usage: "send no content type; it is guessed from the file's name otherwise", set: func(a *syncArgs) { a.options.Manner.NoGuess = true }},
		{name: "force-glacier-transfer", usage: "ask for archived objects, too, some of which may be restored", set: func(a *syncArgs) { a.options.Manner.Archived = ferrysync.ArchivedAsked }},
		{name: "ignore-glacier-warnings", usage: "pass over archived objects without a warning", set: func(a *syncArgs) { a.quietGlacier = true }},
		{name: "case-conflict", usage: "what to do where names to download differ only by case: `ignore|skip|warn|error`", value: func(a *syncArgs, v string) error {
			a.options.Manner.Case = ferrysync.CaseConflict(v)
			if !slices.Contains(ferrysync.CaseConflicts, a.options.Manner.Case) {
				return fmt.Errorf("--case-conflict: %q is none of ignore, skip, warn, error", v)
			}
			return nil
		}},
		{name: "source-region", usage: "of a copy from S3 to S3: the `REGION` of SRC, where --region is that of DST", value: func(a *syncArgs, v string) error {
			a.sourceRegion = v
			return nil
		}},
		{name: "debug", usage: "say on stderr of every file what is done, and why", set: func(a *syncArgs) { a.debug = true }},
		{name: "no-progress", usage: "no progress bar", set: func(a *syncArgs) { a.noProgress = true }},
		{name: "transfers", usage: "at most `N` transfers at once (default: as many as pay)", value: func(a *syncArgs, v string) (err error) {
			if a.transfers, err = strconv.Atoi(v); err != nil || a.transfers < 1 || a.transfers > 1024 {
				return fmt.Errorf("--transfers: %q is not a number from 1 to 1024", v)
			}
			return nil
		}},
	}
}

// syncFlags are the options as the CLI library shows them.
func syncFlags(options []syncOption) []cli.Flag {
	var flags []cli.Flag
	for _, o := range options {
		if o.set != nil {
			flags = append(flags, &cli.BoolFlag{Name: o.name, Usage: o.usage, DisableDefaultText: true, Hidden: o.hidden})
			continue
		}
		flags = append(flags, &cli.StringFlag{Name: o.name, Usage: o.usage, Hidden: o.hidden})
	}
	return flags
}

// parseSync reads the arguments. As in the AWS CLI options may stand before, between and after the paths, a value after
// a space or an equals sign; "--" makes what follows paths.
func parseSync(args []string, all []syncOption) (a syncArgs, err error) {
	a.settings = store.Settings{}
	a.options.Manner.Archived = ferrysync.ArchivedWarned
	options := map[string]syncOption{}
	for _, o := range all {
		options["--"+o.name] = o
	}
	var paths []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			paths = append(paths, args...)
			break
		}
		if arg == "--help" || arg == "-h" {
			a.help = true
			return a, nil
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			paths = append(paths, arg)
			continue
		}
		name, value, given := strings.Cut(arg, "=")
		o, ok := options[name]
		switch {
		case refusedOptions[name] != "":
			return a, fmt.Errorf("%s is refused: %s", name, refusedOptions[name])
		case !ok:
			return a, fmt.Errorf("no such option: %q", name)
		case o.set != nil && given:
			return a, fmt.Errorf("%s takes no value", name)
		case o.set != nil:
			o.set(&a)
			continue
		case !given:
			n := o.words(args)
			if n == 0 && len(o.form.Alone) == 0 {
				return a, fmt.Errorf("%s needs a value", name)
			}
			value = strings.Join(args[:n], "\n")
			if n == 0 {
				value = o.form.Alone[0]
			}
			args = args[n:]
		}
		if err := o.value(&a, value); err != nil {
			return a, err
		}
	}
	return a, a.take(paths)
}

// take checks the paths.
func (a *syncArgs) take(paths []string) error {
	if len(paths) != 2 {
		return fmt.Errorf("want two paths, SRC and DST, got %d", len(paths))
	}
	a.src, a.dst = paths[0], paths[1]
	if a.quietGlacier && a.options.Manner.Archived == ferrysync.ArchivedWarned {
		a.options.Manner.Archived = ferrysync.ArchivedSilent
	}
	for _, p := range paths {
		if p == "" {
			return fmt.Errorf("a path is empty")
		}
	}
	return a.fits()
}
