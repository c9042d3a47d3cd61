package job

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/egress"
)

func pathOf(f func(*Job) *string) setter {
	return one(func(d *describer, v string) (err error) {
		*f(&d.job), err = cleanDir(v)
		return err
	})
}

// ownRoot is the job's path of a folder of the attempt's root that no module sees: ferry's files are in it.
const ownRoot = "/.ferry"

// cleanDir is v as a clean absolute path below the root directory. A ".." is refused and not resolved, because its meaning depends
// on links.
func cleanDir(v string) (string, error) {
	switch {
	case !strings.HasPrefix(v, "/"):
		return "", fmt.Errorf("%q is not an absolute path", v)
	case strings.ContainsAny(v, "\x00\n"):
		return "", fmt.Errorf("%q holds a control character", v)
	case slices.Contains(strings.Split(v, "/"), ".."):
		return "", fmt.Errorf("%q holds \"..\"", v)
	case strings.HasPrefix(path.Clean(v)+"/", ownRoot+"/"):
		return "", fmt.Errorf("%q is ferry's own", v)
	case path.Clean(v) == "/":
		return "", fmt.Errorf("%q is the root directory", v)
	}
	return path.Clean(v), nil
}

// inputs reads PATH, PATH=KEYPREFIX or PATH=URL.
func (v Vocabulary) inputs(f func(*Job) *[]Input) setter {
	return each(func(d *describer, value string) error {
		dir, from, has := cutEscaped(value)
		p, err := cleanDir(dir)
		if err != nil {
			return err
		}
		if strings.Contains(from, "://") {
			if err := checkURL(v.Source, from); err != nil {
				return err
			}
		} else if from = strings.Trim(from, "/"); has && from == "" {
			return fmt.Errorf("%q has an empty key prefix", value)
		}
		list := f(&d.job)
		if !slices.ContainsFunc(*list, func(x Input) bool { return x.Path == p }) {
			*list = append(*list, Input{Path: p, URL: from})
		}
		return nil
	})
}

// remote reads the remote root.
func (v Vocabulary) remote() setter {
	return one(func(d *describer, value string) error {
		d.job.Remote = value
		return checkURL(v.Root, value)
	})
}

// sources reads the places that a sync script may fetch from.
func (v Vocabulary) sources() setter {
	return each(func(d *describer, value string) error {
		if !strings.Contains(value, "://") {
			return fmt.Errorf("%q is no URL", value)
		}
		d.job.Dirs.Sources = append(d.job.Dirs.Sources, value)
		return checkURL(v.Source, value)
	})
}

// checkURL checks a store's URL.
func checkURL(check func(string) error, url string) error {
	if strings.ContainsAny(url, "\x00\n") {
		return fmt.Errorf("%q holds a control character", egress.Shown(url))
	}
	return check(url)
}

// cutEscaped cuts v at its first "=" that has no "\" before it. A "\=" is a "=" in the directory's name.
func cutEscaped(v string) (before, after string, found bool) {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\' && i+1 < len(v) && v[i+1] == '=':
			b.WriteByte('=')
			i++
		case v[i] == '=':
			return b.String(), v[i+1:], true
		default:
			b.WriteByte(v[i])
		}
	}
	return b.String(), "", false
}

// EscapeInput is a path as a value of --input or --library: a "=" in it begins no URL.
func EscapeInput(path string) string { return strings.ReplaceAll(path, "=", `\=`) }

// InputPath is the path in a value of --input or --library, and rest is what follows it, with its "=".
func InputPath(value string) (path, rest string) {
	path, from, has := cutEscaped(value)
	if has {
		rest = "=" + from
	}
	return path, rest
}

var (
	setOutputs = each(func(d *describer, v string) error {
		p, err := cleanDir(v)
		if err == nil && !slices.Contains(d.job.Dirs.Outputs, p) {
			d.job.Dirs.Outputs = append(d.job.Dirs.Outputs, p)
		}
		return err
	})
	setMounts = each(func(d *describer, v string) error {
		m, err := parseMount(v)
		if err == nil && !slices.Contains(d.job.Dirs.Mounts, m) {
			d.job.Dirs.Mounts = append(d.job.Dirs.Mounts, m)
		}
		return err
	})
)

func parseMount(v string) (Mount, error) {
	m := Mount{Writable: true}
	dir := v
	// A colon separates only where a path follows, so that a directory may have one in its name.
	if host, rest, ok := strings.Cut(v, ":/"); ok {
		var err error
		if m.Host, err = cleanDir(host); err != nil {
			return m, err
		}
		dir, m.Writable = strings.CutSuffix("/"+rest, ":rw")
		dir = strings.TrimSuffix(dir, ":ro")
	}
	p, err := cleanDir(dir)
	m.Path = p
	return m, err
}
