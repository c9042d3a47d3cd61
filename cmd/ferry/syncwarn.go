package main

import (
	"errors"
	"fmt"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// exitWarned is the AWS CLI's exit code where all went well but for files that were left out with a warning.
const exitWarned = 2

// warning is the AWS CLI's text of a warning, but for what it says of its own help and pages.
func warning(err error, from, to, doing string) string {
	switch {
	case errors.Is(err, store.ErrArchived):
		return fmt.Sprintf("Skipping file %s. Object is of storage class GLACIER. Unable to perform %s operations on GLACIER objects. You must restore the object to be able to perform the operation. See ferry sync --help for additional parameter options to ignore or force these transfers.", from, doing)
	case errors.Is(err, ferrysync.ErrCaseSkipped):
		return fmt.Sprintf("Skipping %s -> %s because a file whose name differs only by case either exists or is being downloaded.", from, to)
	case errors.Is(err, ferrysync.ErrCase):
		return fmt.Sprintf("Downloading %s -> %s despite a file whose name differs only by case either existing or being downloaded. This behavior is not defined on case-insensitive filesystems and may result in overwriting existing files or race conditions between concurrent downloads.", from, to)
	}
	return err.Error()
}
