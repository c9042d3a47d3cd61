package syncscript

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	ferrysync "github.com/genepattern/ferry/sync"
)

// download is `aws s3 sync` or `aws s3 cp` from the store to the root.
type download struct {
	bucket, key string
	dest        string // relative to the root
	into        bool   // cp: dest is a directory by its writing, "…/"
	single      bool   // cp of one object
	quiet       bool
	options     ferrysync.Options
	names       []string // --exclude "*" --include NAME…: files asked for by name; nil otherwise
}

// newAWS checks `aws s3 sync|cp SOURCE DEST` with options before, between or after the two paths.
func newAWS(c *compiler, args []field) (command, error) {
	if len(args) < 2 || args[0].text != "s3" {
		return nil, fmt.Errorf("only \"aws s3 sync\" and \"aws s3 cp\" are supported")
	}
	verb := args[1].text
	if verb != "sync" && verb != "cp" {
		return nil, fmt.Errorf("\"aws s3 %s\" is not supported", verb)
	}
	// A job's files come back as they were, whoever asks for them.
	d := &download{options: ferrysync.Options{Preserve: true}}
	paths, recursive, err := d.parse(verb, args[2:])
	if err != nil {
		return nil, err
	}
	if len(paths) != 2 {
		return nil, fmt.Errorf("%d paths, needs a source and a destination", len(paths))
	}
	d.single = verb == "cp" && !recursive
	if err := d.locate(c, paths[0], paths[1]); err != nil {
		return nil, err
	}
	d.byName()
	for _, name := range d.names {
		if len(name) > maxPath {
			return nil, &pathError{name[:100] + "…", fmt.Sprintf("is longer than %d bytes", maxPath)}
		}
		if slices.Contains(strings.Split(name, "/"), "..") || strings.HasPrefix(name, "/") || strings.Contains(name, "\x00") {
			return nil, &pathError{name, "is no file below a directory"}
		}
	}
	return d, nil
}

// parse reads the options that the AWS CLI documents and the engine has; any other is an error that names it.
func (d *download) parse(verb string, args []field) (paths []string, recursive bool, err error) {
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i].text, "=")
		if !strings.HasPrefix(name, "--") {
			if strings.HasPrefix(name, "-") && name != "-" {
				return nil, false, unsupported(args[i].text)
			}
			paths = append(paths, args[i].text)
			continue
		}
		if slices.Contains([]string{"--exclude", "--include", "--page-size"}, name) {
			if !joined {
				if i++; i == len(args) {
					return nil, false, fmt.Errorf("option %q has no value", name)
				}
				value = args[i].text
			}
			if err := d.valued(name, value); err != nil {
				return nil, false, err
			}
			continue
		}
		if joined {
			return nil, false, unsupported(args[i].text)
		}
		switch name {
		case "--recursive":
			if verb != "cp" {
				return nil, false, unsupported(name)
			}
			recursive = true
		default:
			if err := d.option(verb, name); err != nil {
				return nil, false, err
			}
		}
	}
	return paths, recursive, nil
}

func (d *download) valued(name, value string) error {
	switch name {
	case "--exclude", "--include":
		if strings.Contains(value, "\x00") {
			return &pathError{value, "holds a control character"}
		}
		d.options.Filters = append(d.options.Filters, ferrysync.Filter{Include: name == "--include", Pattern: value})
	case "--page-size": // how many keys a listing's answer holds, which changes no outcome
		if n, err := strconv.Atoi(value); err != nil || n < 1 {
			return fmt.Errorf("option %q: %q is no number from 1", name, value)
		}
	}
	return nil
}

func (d *download) option(verb, name string) error {
	switch name {
	case "--quiet", "--only-show-errors":
		d.quiet = true
	case "--no-progress", "--follow-symlinks": // what ferry does anyway
	case "--no-follow-symlinks":
		d.options.NoFollow = true
	case "--dryrun":
		d.options.DryRun = true
	case "--delete", "--size-only", "--exact-timestamps":
		if verb != "sync" {
			return unsupported(name)
		}
		d.options.Delete = d.options.Delete || name == "--delete"
		d.options.SizeOnly = d.options.SizeOnly || name == "--size-only"
		d.options.ExactTimestamps = d.options.ExactTimestamps || name == "--exact-timestamps"
	case "--profile":
		return errors.New(`option "--profile" is not supported: ferry uses the job's own role`)
	default:
		return unsupported(name)
	}
	return nil
}

// locate splits the two paths. The source must be in the store and the destination in the root: whatever a script says,
// it reads nothing of the node and sends nothing anywhere.
func (d *download) locate(c *compiler, source, dest string) error {
	rest, ok := strings.CutPrefix(source, "s3://")
	if !ok {
		return &pathError{source, "is not in the store: a sync script's source is s3://…"}
	}
	if strings.HasPrefix(dest, "s3://") {
		return &pathError{dest, "is in the store: a sync script only downloads"}
	}
	d.bucket, d.key, _ = strings.Cut(rest, "/")
	if d.bucket == "" || strings.ContainsAny(rest, "\x00") {
		return &pathError{source, "names no bucket"}
	}
	if slices.Contains(strings.Split(d.key, "/"), "..") {
		return &pathError{source, `holds ".."`}
	}
	if d.single && (d.key == "" || strings.HasSuffix(d.key, "/")) {
		return &pathError{source, "is a prefix, which needs --recursive"}
	}
	var err error
	if d.dest, err = c.rel(dest); err != nil {
		return err
	}
	d.into = strings.HasSuffix(dest, "/")
	if !d.single {
		d.key = strings.Trim(d.key, "/")
	}
	if !c.mayFetch(d.url(d.key)) {
		return &pathError{source, "is outside the remote root; --allow-source opens other places to sync scripts"}
	}
	return nil
}

// byName recognises the server's way to ask for files by name: all excluded, then each included.
func (d *download) byName() {
	f := d.options.Filters
	if d.single || d.options.Delete || len(f) < 2 || f[0].Include || f[0].Pattern != "*" {
		return
	}
	for _, g := range f[1:] {
		// A bracket is most likely part of the name, see fetchNamed.
		if !g.Include || strings.ContainsAny(g.Pattern, "*?") || g.Pattern == "" || strings.HasSuffix(g.Pattern, "/") {
			d.names = nil
			return
		}
		d.names = append(d.names, g.Pattern)
	}
}

func (d *download) touches() []string {
	if d.names == nil {
		return []string{d.dest}
	}
	var all []string
	for _, name := range d.names {
		all = append(all, path.Join(d.dest, name))
		if strings.Contains(name, "[") { // which may yet turn out to be a pattern
			return []string{d.dest}
		}
	}
	return all
}

// literal is a pattern that matches just the name p, for names with a bracket.
func literal(p string) string { return strings.ReplaceAll(p, "[", "[[]") }
