package schedulertest

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// said is what the task "talk" says while it runs.
const said = "said while running"

// Act stands in for `ferry run --handle URL --child N`: the last element of the URL says what it does, and its directory gets
// files by which a test sees that. It gives the exit code. child is "" where the task is no array.
func Act(url, child string) int {
	dir, what := filepath.Split(strings.TrimPrefix(url, "file://"))
	touch := func(name string) { _ = os.WriteFile(filepath.Join(dir, name), nil, 0o666) } // a test that misses it says so
	switch {
	case strings.HasPrefix(what, "exit-"):
		code, _ := strconv.Atoi(strings.TrimPrefix(what, "exit-"))
		return code
	case strings.HasPrefix(what, "until-term"):
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		touch(what + ".begun")
		select {
		case <-signals:
			touch(what + ".ended")
			return 75
		case <-time.After(5 * time.Minute):
			return 1
		}
	case what == "odd-fail":
		if n, err := strconv.Atoi(child); err != nil || n%2 == 1 {
			return 9
		}
	case strings.HasPrefix(what, "touch-child-"):
		touch(strings.TrimPrefix(what, "touch-") + "." + child)
	case strings.HasPrefix(what, "touch-"):
		touch(strings.TrimPrefix(what, "touch-"))
	case what == "talk":
		fmt.Println(said)
		touch("talk.begun")
		return Act(filepath.Join(dir, "until-term-talk"), "")
	default:
		return 64
	}
	return 0
}
