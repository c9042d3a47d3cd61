package sync

import "github.com/genepattern/ferry/internal/mimetype"

// A Manner has what only some commands ask for. The zero value is that of a job.
type Manner struct {
	// NoGuess sends objects without the type that a file's name tells.
	NoGuess bool
}

// contentType is the type that an object made of the file gets.
func (m Manner) contentType(path string) string {
	if m.NoGuess {
		return ""
	}
	return mimetype.Guess(path)
}
