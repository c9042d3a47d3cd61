package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
)

// submitted are the options of a job that `ferry submit` has described in its metadata dir.
func (a runArgs) submitted(ctx context.Context, w world) (job.Settings, error) {
	opener, err := w.shared.opener(storeSettings(job.Merge(a.flags, envSettings(w.lookup))), w.lookup)
	if err != nil {
		return nil, err
	}
	if w.shared == nil {
		defer func() { _ = opener.Close() }() // nothing of it is in use any more
	}
	f, err := w.shared.file(ctx, opener, a.handle)
	if err != nil {
		return nil, err
	}
	index := -1
	if f.Array != nil {
		if index, err = childOf(w, a.child, f.Children()); err != nil {
			return nil, cause.Fail(cause.Usage, "such as --child 0", "--child: %w", err)
		}
	}
	return f.Settings(index)
}

// childOf is the index of the child that this process is to run. AWS Batch counts the children from 0, whichever they are; Slurm says
// the index itself.
func childOf(w world, given string, children []int) (int, error) {
	if given != "" {
		return strconv.Atoi(given)
	}
	if text, _ := w.lookup("SLURM_ARRAY_TASK_ID"); text != "" {
		return strconv.Atoi(text)
	}
	text, _ := w.lookup("AWS_BATCH_JOB_ARRAY_INDEX")
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0, errors.New("the job is an array, and nobody says which child this is")
	case err == nil && (n < 0 || n >= len(children)):
		return 0, fmt.Errorf("there is no child at place %d of %d", n, len(children))
	case err != nil:
		return 0, err
	}
	return children[n], nil
}
