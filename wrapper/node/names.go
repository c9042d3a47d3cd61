package node

import (
	"strconv"
	"strings"
)

// attemptOf is the attempt in the name of a root, which is the job's id, a dot and the attempt's number. It is false for another
// job's: the ids "1" and "1.2" are both ids.
func attemptOf(root, id string) (attempt int, ok bool) {
	number, ok := strings.CutPrefix(root, id+".")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || strconv.Itoa(n) != number {
		return 0, false
	}
	return n, true
}

// isRootOf reports whether the name is that of an attempt's root of the job.
func isRootOf(root, id string) bool {
	_, ok := attemptOf(root, id)
	return ok
}
