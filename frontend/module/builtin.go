package module

import (
	"regexp"
	"strings"
)

// A builtin is a family of placeholders that every module has.
type builtin struct {
	name *regexp.Regexp
	args []string
}

// builtins are the programs that placeholders stand for in a container, where they are found by PATH.
var builtins = []builtin{
	{regexp.MustCompile(`^java(_?[0-9][0-9.]*)?$`), []string{"java"}},
	{regexp.MustCompile(`^perl(_?[0-9][0-9.]*)?$`), []string{"perl"}},
	{regexp.MustCompile(`^python_3[0-9.]*$`), []string{"python3"}},
	{regexp.MustCompile(`^python_2[0-9.]*$`), []string{"python"}},
	{regexp.MustCompile(`^java_flags$`), []string{"-Xmx512m"}},
	{regexp.MustCompile(`^(R-?[0-9][0-9.]*_)?Rscript$`), []string{"Rscript"}},
	{regexp.MustCompile(`^R.*_HOME$`), []string{"/usr/local"}},
	{regexp.MustCompile(`^(R|R-?2\.[0-9.]+|R.*_Rjava)$`), []string{"java", "-DR_HOME=/usr/local", "-Dr_flags=--no-save --quiet --slave --no-restore", "-Xmx512m", "-cp", "/build", "RunR"}},
	{regexp.MustCompile(`^path\.separator$`), []string{":"}},
	{regexp.MustCompile(`^file\.separator$`), []string{"/"}},
	{regexp.MustCompile(`^env-`), nil},
}

// runsJava are templates of programs that take -Xmx.
var runsJava = regexp.MustCompile(`^\s*"?(<java[^>]*>|java\s|<R>|<R2\.5>|<R2\.7>|<R2\.13>|<R[^>]*_Rjava>)`)

// builtinOf gives a placeholder that every module has.
func (c *compiler) builtinOf(name string) ([]string, bool) {
	one := func(s string) ([]string, bool) {
		if s == "" {
			return nil, true
		}
		return []string{s}, true
	}
	switch name {
	case "libdir":
		return one(strings.TrimSuffix(c.layout.LibDir, "/") + "/")
	case "user.dir":
		return one(c.layout.WorkDir)
	case "job_id":
		return one(c.layout.JobID)
	case "name":
		return one(c.manifest.Name)
	case "LSID":
		return one(string(c.manifest.LSID))
	case "userid":
		return one(c.layout.User)
	}
	if strings.HasPrefix(name, "job.") {
		return one(c.jobValue(name))
	}
	for _, b := range builtins {
		if b.name.MatchString(name) {
			return b.args, true
		}
	}
	return nil, false
}

// jobValue is a key that begins with "job.", as it was written.
func (c *compiler) jobValue(name string) string {
	text := c.manifest.Job[name]
	if given, ok := c.given[name]; ok {
		text = ""
		if len(given) > 0 {
			text = given[len(given)-1].Text
		}
	}
	if name == "job.cpuCount" && strings.TrimSpace(text) == "" {
		return "1"
	}
	return text
}

// xmx makes memory the Java heap of a command, where its template runs Java.
func xmx(template string, argv []string, memory int64) []string {
	if memory <= 0 || len(argv) == 0 || !runsJava.MatchString(template+" ") {
		return argv
	}
	size := "-Xmx" + heap(memory)
	for i, a := range argv {
		if strings.HasPrefix(a, "-Xmx") {
			argv[i] = size
			return argv
		}
	}
	return append([]string{argv[0], size}, argv[1:]...)
}
