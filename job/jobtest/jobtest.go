// Package jobtest has what tests need to describe jobs. Only tests import it.
package jobtest

import (
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store/stores"
)

// Words are the engines and stores that tests name.
var Words = job.Vocabulary{Engines: []string{job.EngineDocker, job.EngineProcess}, Root: stores.Check, Source: stores.Check}
