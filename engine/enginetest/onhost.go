package enginetest

import "github.com/genepattern/ferry/engine"

// OnHost is an engine as a ferry on the host sees it, also where the tests themselves run in a container: it has none of the
// abilities that an engine may have besides.
type OnHost struct{ engine.Engine }
