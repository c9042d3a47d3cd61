package main

import (
	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/frontend/genepattern"
)

// byName makes the command that a legacy name stands for explicit. Its arguments are kept in w for the older form, and
// mean nothing in the newer one: job definitions pass them from habit. A job definition's command replaces the image's
// command but not its entrypoint, so the name may also stand first among ferry's arguments.
func byName(args []string, w *world) []string {
	if len(args) > 1 && genepattern.FormOf(args[0]) == genepattern.FormNone && genepattern.FormOf(args[1]) != genepattern.FormNone {
		args = args[1:]
	}
	switch genepattern.FormOf(args[0]) {
	case genepattern.FormPositional:
		w.legacy = append([]string{}, args[1:]...)
	case genepattern.FormNone:
		return args
	}
	return []string{"ferry", "run"}
}

// request is what the GenePattern server's variables say, and the arguments where ferry was called by the older name.
func (w world) request() (genepattern.Request, error) {
	if w.legacy != nil {
		return genepattern.FromArgs(w.legacy, w.lookup, w.environ)
	}
	return genepattern.FromEnv(w.lookup, w.environ), nil
}

// tell logs what of the variables counts for nothing.
func tell(log zerolog.Logger, r genepattern.Request) {
	for _, name := range r.Ignored {
		log.Info().Str("variable", name).Msg("ignored: ferry knows no such variable")
	}
	for _, note := range r.Notes {
		log.Warn().Msg(note)
	}
}
