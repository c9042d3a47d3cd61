package wrapper

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A setter puts the values of one option into the job. Its error says what is wrong with the value; Describe says where
// the value came from.
type setter = func(*describer, []string) error

// describer is a Job being made.
type describer struct {
	Job
	lookup func(string) (string, bool)
}

func one(set func(*describer, string) error) setter {
	return func(d *describer, vs []string) error {
		if len(vs) != 1 {
			return fmt.Errorf("given %d times, takes one value", len(vs))
		}
		return set(d, vs[0])
	}
}

func each(set func(*describer, string) error) setter {
	return func(d *describer, vs []string) error {
		for _, v := range vs {
			if err := set(d, v); err != nil {
				return err
			}
		}
		return nil
	}
}

func text(f func(*Job) *string) setter {
	return one(func(d *describer, v string) error {
		if v == "" || strings.ContainsAny(v, "\x00\n") {
			return fmt.Errorf("%q is no usable value", v)
		}
		*f(&d.Job) = v
		return nil
	})
}

func flag(f func(*Job) *bool) setter {
	return one(func(d *describer, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*f(&d.Job) = b
		return nil
	})
}

func oneOf(f func(*Job) *string, allowed ...string) setter {
	return one(func(d *describer, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("%q is not one of %s", v, strings.Join(allowed, ", "))
		}
		*f(&d.Job) = v
		return nil
	})
}

func pathOf(f func(*Job) *string) setter {
	return one(func(d *describer, v string) (err error) {
		*f(&d.Job), err = cleanDir(v)
		return err
	})
}

// cleanDir is v as a clean absolute path below the root directory. ".." is refused rather than resolved: nobody who means
// well writes it, and what it means depends on links.
func cleanDir(v string) (string, error) {
	switch {
	case !strings.HasPrefix(v, "/"):
		return "", fmt.Errorf("%q is not an absolute path", v)
	case strings.ContainsAny(v, "\x00\n"):
		return "", fmt.Errorf("%q holds a control character", v)
	case slices.Contains(strings.Split(v, "/"), ".."):
		return "", fmt.Errorf("%q holds \"..\"", v)
	case path.Clean(v) == "/":
		return "", fmt.Errorf("%q is the root directory", v)
	}
	return path.Clean(v), nil
}

func dirs(f func(*Job) *[]Dir) setter {
	return each(func(d *describer, v string) error {
		dir, key, has := cutEscaped(v)
		p, err := cleanDir(dir)
		if err != nil {
			return err
		}
		key = strings.Trim(key, "/")
		if has && key == "" {
			return fmt.Errorf("%q has an empty key prefix", v)
		}
		list := f(&d.Job)
		if !slices.ContainsFunc(*list, func(x Dir) bool { return x.Path == p }) {
			*list = append(*list, Dir{Path: p, Key: key})
		}
		return nil
	})
}

// cutEscaped cuts v at its first "=" without a "\" before it, which stands for a "=" in the directory's name.
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

var (
	setOutputs = each(func(d *describer, v string) error {
		p, err := cleanDir(v)
		if err == nil && !slices.Contains(d.Outputs, p) {
			d.Outputs = append(d.Outputs, p)
		}
		return err
	})
	setMounts = each(func(d *describer, v string) error {
		m, err := parseMount(v)
		if err == nil && !slices.Contains(d.Mounts, m) {
			d.Mounts = append(d.Mounts, m)
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

var setRemote = one(func(d *describer, v string) error {
	if strings.ContainsAny(v, "\x00\n") {
		return fmt.Errorf("%q holds a control character", v)
	}
	_, _, err := store.Parse(v, stores.All)
	d.Remote = v
	return err
})

var setImage = one(func(d *describer, v string) error {
	if _, err := reference.ParseNormalizedNamed(v); err != nil {
		return fmt.Errorf("%q is no image reference: %w", v, err)
	}
	d.Image = v
	return nil
})

// idPattern keeps ids usable as a directory's and a container's name.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$`)

func setID(f func(*Job) *string) setter {
	return one(func(d *describer, v string) error {
		if !idPattern.MatchString(v) {
			return fmt.Errorf("%q is no usable id: letters, digits and . _ @ : + - only, at most 128", v)
		}
		*f(&d.Job) = v
		return nil
	})
}

var setAttempt = one(func(d *describer, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number from 1", v)
	}
	d.Attempt = n
	return nil
})

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

var setEnv = each(func(d *describer, v string) error {
	name, _, has := strings.Cut(v, "=")
	if !envName.MatchString(name) {
		return fmt.Errorf("%q is no variable's name", name)
	}
	if !has {
		val, ok := d.lookup(name)
		if !ok {
			return fmt.Errorf("%s has no value and is not set in ferry's environment", name)
		}
		v = name + "=" + val
	}
	d.Env = append(d.Env, v)
	return nil
})

var userPattern = regexp.MustCompile(`^\d+(:\d+)?$`)

var setUser = one(func(d *describer, v string) error {
	if v != UserImage && v != UserCaller && !userPattern.MatchString(v) {
		return fmt.Errorf("%q is none of image, caller, uid:gid", v)
	}
	d.User = v
	return nil
})

var setMemory = one(func(d *describer, v string) error {
	n, err := units.RAMInBytes(v)
	// 6 MiB is the engine's own minimum.
	if err != nil || n < 6<<20 {
		return fmt.Errorf("%q is no size of at least 6m", v)
	}
	d.Limits.Memory = n
	return nil
})

var setCPUs = one(func(d *describer, v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= 0.01 && n <= 1<<16) {
		return fmt.Errorf("%q is no number of cores", v)
	}
	d.Limits.CPUs = n
	return nil
})

var gpuPattern = regexp.MustCompile(`^(all|none|[A-Za-z0-9-]+(,[A-Za-z0-9-]+)*)$`)

var setGPUs = one(func(d *describer, v string) error {
	if !gpuPattern.MatchString(v) {
		return fmt.Errorf("%q is none of all, none, a number, device ids", v)
	}
	d.Limits.GPUs = v
	return nil
})

var setPIDs = one(func(d *describer, v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number from 1", v)
	}
	d.Limits.PIDs = n
	return nil
})

func duration(f func(*Job) *time.Duration) setter {
	return one(func(d *describer, v string) error {
		t, err := time.ParseDuration(v)
		if n, e := strconv.ParseFloat(v, 64); e == nil {
			t, err = time.Duration(n*float64(time.Second)), nil
		}
		if err != nil || t <= 0 {
			return fmt.Errorf("%q is no time above zero, such as 90m or a number of seconds", v)
		}
		*f(&d.Job) = t
		return nil
	})
}

var networkPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

var setNetwork = one(func(d *describer, v string) error {
	if !networkPattern.MatchString(v) {
		return fmt.Errorf("%q is no network's name", v)
	}
	d.Network = v
	return nil
})

var capPattern = regexp.MustCompile(`^(CAP_)?[A-Z][A-Z_]+$`)

var setCaps = each(func(d *describer, v string) error {
	if !capPattern.MatchString(v) || strings.TrimPrefix(v, "CAP_") == "ALL" {
		return fmt.Errorf("%q is no single capability, such as NET_RAW", v)
	}
	d.CapAdd = append(d.CapAdd, v)
	return nil
})

func setName(f func(*Job) *string) setter {
	return one(func(d *describer, v string) error {
		if v == "" || v != path.Base(v) || v == "." || v == ".." || strings.ContainsAny(v, "\x00\n") {
			return fmt.Errorf("%q is no file's name", v)
		}
		*f(&d.Job) = v
		return nil
	})
}

// file is a path, or a name in the metadata dir.
func file(f func(*Job) *string) setter {
	return func(d *describer, vs []string) error {
		if len(vs) == 1 && strings.HasPrefix(vs[0], "/") {
			return pathOf(f)(d, vs)
		}
		return setName(f)(d, vs)
	}
}
