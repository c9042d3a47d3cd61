package process

import "github.com/genepattern/ferry/engine"

// kindName is what --engine calls this engine.
const kindName = "process"

// Kind is the registry's entry of this engine.
var Kind = engine.Kind{Name: kindName, Usage: "a process of ferry's own container", Open: func(h engine.Host) (engine.Engine, error) { return New(h.Environ), nil }}
