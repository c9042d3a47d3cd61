package module

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Resources are what a module asks for. A zero value asks for nothing.
type Resources struct {
	Memory   int64 // bytes
	CPUs     float64
	Walltime time.Duration
}

var memoryPattern = regexp.MustCompile(`^([0-9]*\.?[0-9]+)\s*([bkmgtp]?)(b?)$`)

// parseMemory reads a number with a unit of 1024s, in any case. Without a unit it is GiB.
func parseMemory(s string) (int64, error) {
	m := memoryPattern.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return 0, fmt.Errorf("job.memory=%s is no size, such as 8 Gb", s)
	}
	unit := m[2]
	if unit == "" {
		unit = "g"
		if m[3] == "b" {
			unit = "b"
		}
	}
	n, err := strconv.ParseFloat(m[1], 64)
	n *= math.Pow(1024, float64(strings.Index("bkmgtp", unit)))
	if err != nil || n < 1 || n > 1<<60 {
		return 0, fmt.Errorf("job.memory=%s is no size, such as 8 Gb", s)
	}
	return int64(n), nil
}

// heap is a size as Java takes it.
func heap(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n%u.size == 0 {
			return fmt.Sprintf("%d%s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dm", max(n>>20, 1))
}

var walltimePattern = regexp.MustCompile(`^(?:(?:([0-9]{1,4})-)?([0-9]{1,5}):([0-9]{1,2}):([0-9]{1,2})|([0-9]{1,5}):([0-9]{1,2})|([0-9]{1,9}))$`)

// parseWalltime reads [d-]hh:mm:ss, mm:ss or seconds, perhaps in quotes.
func parseWalltime(s string) (time.Duration, error) {
	m := walltimePattern.FindStringSubmatch(strings.TrimSpace(strings.Trim(strings.TrimSpace(s), `"'`)))
	if m == nil {
		return 0, fmt.Errorf("job.walltime=%s is no time, such as 2-00:00:00", s)
	}
	n := func(i int) time.Duration {
		v, _ := strconv.Atoi("0" + m[i])
		return time.Duration(v)
	}
	d := n(1)*24*time.Hour + (n(2)*time.Hour + (n(3)+n(5))*time.Minute + (n(4)+n(6)+n(7))*time.Second)
	if d <= 0 {
		return 0, fmt.Errorf("job.walltime=%s is no time above zero", s)
	}
	return d, nil
}

// resources are those of the manifest, where nothing else was given.
func (c *compiler) resources() (r Resources) {
	var err error
	note := func(e error) {
		if e != nil {
			c.bad = append(c.bad, e.Error())
		}
	}
	blank := func(s string) bool { return strings.Trim(strings.TrimSpace(s), `"'`) == "" }
	if text := c.jobValue("job.memory"); !blank(text) {
		r.Memory, err = parseMemory(text)
		note(err)
	}
	if text := c.jobValue("job.walltime"); !blank(text) {
		r.Walltime, err = parseWalltime(text)
		note(err)
	}
	if text := c.jobValue("job.cpuCount"); !blank(c.manifest.Job["job.cpuCount"]) || c.given["job.cpuCount"] != nil {
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(n > 0 && n <= 1<<16) {
			note(fmt.Errorf("job.cpuCount=%s is no number of cores", text))
		} else {
			r.CPUs = n
		}
	}
	return r
}
