// Package engines lists the kinds of engine. A new kind is a folder that passes enginetest, and one line here.
package engines

import (
	"context"
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/engine/podman"
	"github.com/genepattern/ferry/engine/process"
)

// all are the engines, in the order of help texts. The first is the default.
var all = []engine.Kind{
	docker.Kind,
	podman.Kind,
	apptainer.Kind,
	process.Kind,
}

// Default is the name of the engine that runs a module where nobody chooses one.
func Default() string { return all[0].Name }

// Detect names the engine of this machine, where nobody asks for one: the default, unless that does not answer and another is there. It
// sends nothing.
func Detect(host engine.Host) string { return detect(all, host) }

func detect(kinds []engine.Kind, host engine.Host) string {
	if found := kinds[0].Found; found == nil || found(host) {
		return kinds[0].Name
	}
	for _, k := range kinds[1:] {
		if k.Found != nil && k.Found(host) {
			return k.Name
		}
	}
	return kinds[0].Name
}

// Names are those that Open takes, the default first.
func Names() []string {
	names := make([]string, len(all))
	for i, k := range all {
		names[i] = k.Name
	}
	return names
}

// Usage says in one line of help what each engine is.
func Usage() string {
	lines := make([]string, len(all))
	for i, k := range all {
		lines[i] = fmt.Sprintf("%s: %s", k.Name, k.Usage)
	}
	return strings.Join(lines, "; ")
}

// Within is the engine of a process that a platform started in the module's own container. environ is that container's environment.
func Within(environ []string) engine.Engine { return process.Within(environ) }

// ImageForms are the checks of images' names, of those kinds that take more than a registry's reference.
func ImageForms() map[string]func(string) error {
	forms := map[string]func(string) error{}
	for _, k := range all {
		if k.Image != nil {
			forms[k.Name] = k.Image
		}
	}
	return forms
}

// Together says whether several jobs may run at once in one process of ferry with the engine of that name.
func Together(name string) bool {
	for _, k := range all {
		if k.Name == name {
			return k.Together
		}
	}
	return false
}

// Open makes the engine of that name for this process; it contacts nobody. The cause of its errors is cause.Usage: a name
// that no engine has, or a host's variables that make no sense, with a hint of the engine's own.
func Open(name string, host engine.Host) (engine.Engine, error) {
	for _, k := range all {
		if k.Name == name {
			e, err := k.Open(host)
			if err != nil {
				return nil, cause.Name(context.Background(), cause.Usage, "", err)
			}
			return e, nil
		}
	}
	return nil, cause.Fail(cause.Usage, "there are "+strings.Join(Names(), ", "), "no such engine: %q", name)
}
