package job

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
)

// setImage takes any name: what forms there are depends on the engine, see CheckImage.
var setImage = one(func(d *describer, v string) error {
	d.job.Container.Image = v
	return nil
})

// isReference is the form of an image's name that every engine takes that does not say otherwise.
func isReference(v string) error {
	if _, err := reference.ParseNormalizedNamed(v); err != nil {
		return fmt.Errorf("%q is no image reference: %w", v, err)
	}
	return nil
}

// idPattern keeps ids usable as a directory's name, and has what AWS Batch's own ids have: x:0 is a child of an array job, x#0 a node of a
// multi-node job.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:#+-]{0,127}$`)

// IsID says that a text can be a job's id.
func IsID(v string) bool { return idPattern.MatchString(v) }

func setID(f func(*Job) *string) setter {
	return one(func(d *describer, v string) error {
		if !IsID(v) {
			return fmt.Errorf("%q is no usable id: letters, digits and . _ @ : # + - only, at most 128", v)
		}
		*f(&d.job) = v
		return nil
	})
}

var setAttempt = one(func(d *describer, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number from 1", v)
	}
	d.job.Identity.Attempt = n
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
	d.job.Program.Env = append(d.job.Program.Env, v)
	return nil
})

var userPattern = regexp.MustCompile(`^\d+(:\d+)?$`)

var setUser = one(func(d *describer, v string) error {
	if v != UserImage && v != UserCaller && !userPattern.MatchString(v) {
		return fmt.Errorf("%q is none of image, caller, uid:gid", v)
	}
	for id := range strings.SplitSeq(v, ":") {
		if _, err := strconv.ParseInt(id, 10, 32); userPattern.MatchString(v) && err != nil {
			return fmt.Errorf("%q: ids are at most %d; some engines take a larger one for another, such as 0", v, math.MaxInt32)
		}
	}
	d.job.Container.User = v
	return nil
})

var setMemory = one(func(d *describer, v string) error {
	n, err := units.RAMInBytes(v)
	// 6 MiB is the engine's own minimum.
	if err != nil || n < 6<<20 {
		return fmt.Errorf("%q is no size of at least 6m", v)
	}
	d.job.Container.Limits.Memory = n
	return nil
})

var setMaxOutput = one(func(d *describer, v string) error {
	n, err := units.RAMInBytes(v)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no size, such as 200g", v)
	}
	d.job.Dirs.MaxOutput = n
	return nil
})

var setCPUs = one(func(d *describer, v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= 0.01 && n <= 1<<16) {
		return fmt.Errorf("%q is no number of cores", v)
	}
	d.job.Container.Limits.CPUs = n
	return nil
})

var gpuPattern = regexp.MustCompile(`^(all|none|[A-Za-z0-9-]+(,[A-Za-z0-9-]+)*)$`)

var setGPUs = one(func(d *describer, v string) error {
	if !gpuPattern.MatchString(v) {
		return fmt.Errorf("%q is none of all, none, a number, device ids", v)
	}
	d.job.Container.Limits.GPUs = v
	return nil
})

var setPIDs = one(func(d *describer, v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number from 1", v)
	}
	d.job.Container.Limits.PIDs = n
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
		*f(&d.job) = t
		return nil
	})
}

var networkPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

var setNetwork = one(func(d *describer, v string) error {
	if !networkPattern.MatchString(v) {
		return fmt.Errorf("%q is no network's name", v)
	}
	d.job.Container.Network = v
	return nil
})

var capPattern = regexp.MustCompile(`^(CAP_)?[A-Z][A-Z_]+$`)

var setCaps = each(func(d *describer, v string) error {
	if !capPattern.MatchString(v) || strings.TrimPrefix(v, "CAP_") == "ALL" {
		return fmt.Errorf("%q is no single capability, such as NET_RAW", v)
	}
	d.job.Container.CapAdd = append(d.job.Container.CapAdd, v)
	return nil
})

func setName(f func(*Job) *string) setter {
	return one(func(d *describer, v string) error {
		if v == "" || v != path.Base(v) || v == "." || v == ".." || strings.ContainsAny(v, "\x00\n") {
			return fmt.Errorf("%q is no file's name", v)
		}
		*f(&d.job) = v
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
