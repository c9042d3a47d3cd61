// Package jobtest has what tests need to describe jobs.
package jobtest

import (
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
)

// Words are the engines and stores that tests name.
var Words = job.Vocabulary{Engines: []string{job.EngineDocker, job.EngineProcess}, URL: func(url string) error {
	_, err := store.Parse(url)
	return err
}}
