package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
)

// jobFileMax bounds a job file, which is written by hand or by a small program.
const jobFileMax = 1 << 20

// fileSettings reads a job file; JSON is YAML too. A value is a scalar, or a list of them for a repeatable option.
func fileSettings(name string) (job.Settings, error) {
	bad := func(err error) error {
		return &cause.Error{Cause: cause.Usage, Err: fmt.Errorf("--job %q: %w", name, err)}
	}
	f, err := os.Open(name)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, bad(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, jobFileMax+1))
	if err != nil {
		return nil, bad(err)
	}
	if len(data) > jobFileMax {
		return nil, bad(fmt.Errorf("larger than %d bytes", jobFileMax))
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, bad(errors.New(oneLine(err.Error())))
	}
	s := job.Settings{}
	for key, v := range doc {
		set := job.Setting{From: fmt.Sprintf("%q in %s", key, name)}
		switch v := v.(type) {
		case nil:
			continue
		case []any:
			for _, x := range v {
				text, err := scalar(x)
				if err != nil {
					return nil, bad(fmt.Errorf("%q: %w", key, err))
				}
				set.Values = append(set.Values, text)
			}
		default:
			text, err := scalar(v)
			if err != nil {
				return nil, bad(fmt.Errorf("%q: %w", key, err))
			}
			set.Values = []string{text}
		}
		s[key] = set
	}
	return s, nil
}

func scalar(v any) (string, error) {
	switch v.(type) {
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(v), nil
	}
	return "", errors.New("must be a text, a number, true or false, or a list of such")
}
