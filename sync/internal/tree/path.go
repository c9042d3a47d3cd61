package tree

import (
	"fmt"
	"strconv"
	"strings"
)

// maxName is the longest name of a file on Linux, in bytes.
const maxName = 255

// CheckPath says, as an ErrRefused, why a text that came as part of a key cannot be the path of a file, or of a
// directory where it ends with a slash. What it accepts is the path of one file only: nothing is cleaned or unescaped.
func CheckPath(rel string) error {
	if strings.IndexByte(rel, 0) >= 0 {
		return refusal("has a NUL byte")
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(rel, "/"), "/") {
		switch {
		case name == "" && strings.HasPrefix(rel, "/"):
			return refusal("begins with a slash")
		case name == "":
			return refusal("has two slashes in a row, or nothing in it")
		case name == "." || name == "..":
			return refusal("would leave its directory by " + strconv.Quote(name))
		case len(name) > maxName:
			return refusal("has a name of over 255 bytes")
		case IsTemp(name):
			return refusal("has a name kept for files being written")
		}
	}
	return nil
}

func refusal(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }
