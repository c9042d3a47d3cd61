package slurm

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// killReserve is the part of KillWait that is left for the process's end.
	killReserve = 5 * time.Second
	// leastGrace is what a job gets where KillWait leaves next to nothing.
	leastGrace = time.Second
)

// confFiles are where Slurm's configuration is on a node: the administrator's, Debian's older place, and what slurmd fetched in a
// cluster without files. SLURM_CONF comes before them.
// https://slurm.schedmd.com/slurm.conf.html
var confFiles = []string{"/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf", "/run/slurm/conf/slurm.conf"}

// Grace is the time that a job has after Slurm's TERM: KillWait, without what ferry's own end takes. It is false outside Slurm,
// and where no configuration says what KillWait is. lookup finds a variable as os.LookupEnv does, open opens a file as os.Open
// does. file is where the value was found.
func Grace(lookup func(string) (string, bool), open func(string) (io.ReadCloser, error)) (grace time.Duration, file string, ok bool) {
	if id, _ := lookup("SLURM_JOB_ID"); id == "" {
		return 0, "", false
	}
	files := confFiles
	if own, _ := lookup("SLURM_CONF"); own != "" {
		files = append([]string{own}, files...)
	}
	for _, name := range files {
		f, err := open(name)
		if err != nil {
			continue
		}
		wait, found := killWait(f)
		_ = f.Close() // it was only read
		if found {
			return max(wait-killReserve, leastGrace), name, true
		}
	}
	return 0, "", false
}

// killWait finds KillWait in a configuration. Names there are in any case.
func killWait(r io.Reader) (wait time.Duration, found bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, word := range strings.Fields(line) {
			name, value, _ := strings.Cut(word, "=")
			if n, err := strconv.Atoi(value); strings.EqualFold(name, "KillWait") && err == nil && n > 0 && n < 1<<16 {
				wait, found = time.Duration(n)*time.Second, true
			}
		}
	}
	return wait, found
}
