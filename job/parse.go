package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A setter puts the values of one option into the job. Its error says what is wrong with the value; Describe says where
// the value came from.
type setter = func(*describer, []string) error

// describer is a Job in the making. Until fill makes it a URL, an input's URL is what the reader gave: a URL, a key prefix, or
// nothing.
type describer struct {
	job    Job
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
		*f(&d.job) = v
		return nil
	})
}

func flag(f func(*Job) *bool) setter {
	return one(func(d *describer, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*f(&d.job) = b
		return nil
	})
}

func oneOf(f func(*Job) *string, allowed ...string) setter {
	return one(func(d *describer, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("%q is not one of %s", v, strings.Join(allowed, ", "))
		}
		*f(&d.job) = v
		return nil
	})
}
