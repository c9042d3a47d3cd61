package module

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Layout says where the module sees what belongs to a job. Paths are the module's.
type Layout struct {
	LibDir   string
	WorkDir  string
	InputDir string // fetched files and list files are here
	JobID    string
	User     string
	// Local says where a file or directory of this machine is for the module. Where it is nil, such files are in InputDir.
	Local func(file string) (seen string, err error)
	// Name is the file name of a URL's content, where it is known already.
	Name func(url string) (string, bool)
	// Check says what is wrong with a file or directory of this machine.
	Check func(file string, kind Kind) error
}

// Options are what a person gives besides parameters.
type Options struct {
	Image  string            // "" for the manifest's
	Images Images            // a site's table, before the shipped one
	Set    map[string]string // placeholders
	Lib    fs.FS             // the module's files, for what is missing; may be nil
}

// An Input is a file or directory that the module reads.
type Input struct {
	Param  string `json:"parameter"`
	Source string `json:"source"` // a path of this machine, or a URL
	Path   string `json:"path"`   // where the module sees it
}

// A ListFile is a file that ferry writes for the module: a list of inputs.
type ListFile struct {
	Path string
	Data []byte
}

// A Plan is all that runs a module once.
type Plan struct {
	Command   []string
	Stdin     string // "" for none; relative to the job's directory unless absolute
	Stdout    string
	Stderr    string
	Env       []string // NAME=VALUE
	Image     Image
	Inputs    []Input
	Lists     []ListFile
	Resources Resources
	Notes     []string // what a person should know and what stops nothing
	Secrets   []string // values of passwords, which no log may have
}

// A compiler makes the plan of one job.
type compiler struct {
	manifest Manifest
	given    Given
	layout   Layout
	options  Options
	settings map[string]setting
	passed   map[string]passed // what each file parameter became
	plan     Plan
	notes    []string
	bad      problems
}

// A passed is what the values of a file parameter became: paths, and what they are called.
type passed struct {
	args  []string
	plain bool // it is handled as a text: a default that lies in the module
}

// Compile makes the plan of a module with the parameters that were given. Its error names all that is wrong at once; its cause is
// cause.Refused for a module that cannot run here, and else cause.Usage.
func Compile(m Manifest, given Given, layout Layout, options Options) (Plan, error) {
	if err := m.Refuse(); err != nil {
		return Plan{}, err
	}
	c := &compiler{manifest: m, given: given, layout: layout, options: options, passed: map[string]passed{}}
	c.settings, c.bad = settle(m, given)
	c.stage()
	c.plan.Resources = c.resources()
	c.plan.Image = c.imageOf()
	if err := c.commandLine(); err != nil {
		c.bad = append(c.bad, "commandLine: "+err.Error())
	}
	if err := c.bad.err(); err != nil {
		return Plan{}, err
	}
	c.lookInLib()
	c.plan.Notes = append(slices.Clone(m.Notes), c.notes...)
	return c.plan, nil
}

// commandLine makes command, redirects and environment of the template.
func (c *compiler) commandLine() error {
	template := c.manifest.CommandLine
	words, err := splitTemplate(template)
	if err != nil {
		return err
	}
	if err := c.unknownPlaceholders(words); err != nil {
		return err
	}
	x := &expander{resolve: nil, known: c.known}
	x.resolve = func(name string, within []string) ([]string, error) { return c.resolve(x, name, within) }
	withEnv := false
	if _, replaced := c.options.Set[runWithEnv]; !replaced && len(words) > 0 && words[0].text == "<"+runWithEnv+">" {
		withEnv, words = true, words[1:]
	}
	redirect := ""
	for _, w := range words {
		if redirect == "" && !w.quoted && (w.text == `\>` || w.text == `\>&` || w.text == `\<`) {
			redirect = w.text
			continue
		}
		args, err := x.word(w, nil, false)
		if err != nil {
			return err
		}
		if redirect != "" {
			if len(args) > 0 { // where the word vanishes, the stream stays what it is
				c.redirect(redirect, args[0])
				args = args[1:]
			}
			redirect = ""
		}
		c.plan.Command = append(c.plan.Command, args...)
	}
	if redirect != "" {
		return fmt.Errorf("no file follows %s", redirect)
	}
	if withEnv {
		c.plan.Command = c.runWithEnv(c.plan.Command)
	}
	if len(c.bad) == 0 && (len(c.plan.Command) == 0 || c.plan.Command[0] == "") {
		return fmt.Errorf("%q makes no command", template)
	}
	c.plan.Command = xmx(template, c.plan.Command, c.plan.Resources.Memory)
	for stream, standard := range map[*string]string{&c.plan.Stdout: "stdout.txt", &c.plan.Stderr: "stderr.txt"} {
		if *stream == "" {
			*stream = standard
		}
	}
	return nil
}

func (c *compiler) redirect(mark, file string) {
	if mark == `\<` {
		c.plan.Stdin = file
		return
	}
	if clean := path.Clean(file); !path.IsAbs(file) && (clean == ".." || strings.HasPrefix(clean, "../")) || path.IsAbs(file) && !strings.HasPrefix(clean, c.layout.WorkDir+"/") {
		c.bad = append(c.bad, fmt.Sprintf("commandLine: %s %s lies outside the job's directory", mark, file))
	}
	if mark == `\>` {
		c.plan.Stdout = file
	} else {
		c.plan.Stderr = file
	}
}

const runWithEnv = "run-with-env"

// runWithEnv drops the options of a server's wrapper: -c and -u name what to load there, -e sets a variable.
func (c *compiler) runWithEnv(argv []string) []string {
	for len(argv) >= 2 {
		switch argv[0] {
		case "-c", "-u":
		case "-e":
			if name, _, ok := strings.Cut(argv[1], "="); !ok || name == "" {
				c.bad = append(c.bad, fmt.Sprintf("commandLine: -e %s is not NAME=VALUE", argv[1]))
			}
			c.plan.Env = append(c.plan.Env, argv[1])
		default:
			return argv
		}
		argv = argv[2:]
	}
	return argv
}

// unknownPlaceholders finds the placeholders of the template that nobody knows.
func (c *compiler) unknownPlaceholders(words []word) error {
	var all []string
	hint := ""
	for _, w := range words {
		for _, p := range placeholder.FindAllString(w.text, -1) {
			name := p[1 : len(p)-1]
			if c.known(name) || slices.Contains(all, p) {
				continue
			}
			all = append(all, p)
			if near := nearest(c.manifest, name); near != "" {
				hint += fmt.Sprintf(" (is <%s> meant?)", near)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("nobody knows %s%s: give --set NAME=VALUE", strings.Join(all, ", "), hint)
}

// known reports whether a placeholder stands for something, perhaps for nothing.
func (c *compiler) known(name string) bool {
	if _, ok := c.options.Set[name]; ok || name == runWithEnv {
		return true
	}
	if c.manifest.Param(name) != nil {
		return true
	}
	if _, _, ok := c.derived(name); ok {
		return true
	}
	_, ok := c.builtinOf(name)
	return ok
}

// resolve gives a placeholder's arguments.
func (c *compiler) resolve(x *expander, name string, within []string) ([]string, error) {
	inside := append(slices.Clone(within), name)
	if text, ok := c.options.Set[name]; ok {
		return x.value(text, inside)
	}
	if p := c.manifest.Param(name); p != nil {
		return c.paramArgs(x, p, inside)
	}
	if p, part, ok := c.derived(name); ok {
		args, err := c.bare(x, p, inside)
		if err != nil || len(args) == 0 {
			return nil, err
		}
		if text := part(args[0]); text != "" {
			return []string{text}, nil
		}
		return nil, nil
	}
	args, ok := c.builtinOf(name)
	if !ok && name != runWithEnv {
		return nil, fmt.Errorf("nobody knows <%s>: give --set %s=VALUE", name, name)
	}
	return args, nil
}

// derived finds the parameter of <x_file>, <x_basename>, <x_extension> or <x_path>, and what each makes of a path.
func (c *compiler) derived(name string) (*Param, func(string) string, bool) {
	for suffix, part := range map[string]func(string) string{
		"_file":     path.Base,
		"_basename": func(p string) string { return stem(path.Base(p)) },
		"_extension": func(p string) string {
			base := path.Base(p)
			if stem(base) == base {
				return ""
			}
			return base[len(stem(base))+1:]
		},
		"_path": func(string) string { return c.layout.WorkDir },
	} {
		if of, ok := strings.CutSuffix(name, suffix); ok {
			if p := c.manifest.Param(of); p != nil {
				return p, part, true
			}
		}
	}
	return nil, nil, false
}

// stem is a name up to its last dot.
func stem(base string) string {
	if i := strings.LastIndexByte(base, '.'); i >= 0 {
		return base[:i]
	}
	return base
}

// paramArgs are the arguments of a parameter, with its prefix.
func (c *compiler) paramArgs(x *expander, p *Param, within []string) ([]string, error) {
	if p.List.Mode == ModeCmdOpt && p.Many() {
		var all []string
		for _, text := range c.texts(p) {
			args, err := c.one(x, p, text, within)
			if err != nil {
				return nil, err
			}
			all = append(all, withPrefix(p.Prefix, args)...)
		}
		return all, nil
	}
	args, err := c.bare(x, p, within)
	return withPrefix(p.Prefix, args), err
}

// bare are the arguments of a parameter without its prefix.
func (c *compiler) bare(x *expander, p *Param, within []string) ([]string, error) {
	texts := c.texts(p)
	if len(texts) == 0 {
		return nil, nil
	}
	if len(texts) > 1 {
		texts = []string{strings.Join(texts, p.List.Separator)}
	}
	return c.one(x, p, texts[0], within)
}

// one is the arguments of one value. A path is never looked into for placeholders.
func (c *compiler) one(x *expander, p *Param, text string, within []string) ([]string, error) {
	if in, ok := c.passed[p.Name]; ok && !in.plain {
		return []string{text}, nil
	}
	return x.value(text, within)
}

// texts are the values of a parameter as they are passed: paths of files, or texts.
func (c *compiler) texts(p *Param) []string {
	if in, ok := c.passed[p.Name]; ok && !in.plain {
		return in.args
	}
	var all []string
	for _, v := range c.settings[p.Name].values {
		all = append(all, v.Text)
	}
	return all
}

// lookInLib notes files of the module that the command names and that are not there. A repository of sources often has them in src.
func (c *compiler) lookInLib() {
	if c.options.Lib == nil {
		return
	}
	lib := strings.TrimSuffix(c.layout.LibDir, "/") + "/"
	for _, arg := range c.plan.Command {
		name, ok := strings.CutPrefix(arg, lib)
		if !ok || !fs.ValidPath(name) || name == "." {
			continue
		}
		if _, err := fs.Stat(c.options.Lib, name); err == nil {
			continue
		}
		if _, err := fs.Stat(c.options.Lib, "src/"+name); err == nil {
			c.notes = append(c.notes, fmt.Sprintf("%s is not at the module's top; src/%s is there: a module's zip has what is in src at its top", name, name))
		}
	}
}

// errFile is a problem with a parameter's file.
func errFile(p *Param, err error) string { return fmt.Sprintf("%s: %v", p.Name, err) }

// Look is what a module without parameters asks for: image, resources and notes. Its error names what is wrong with them.
func (m Manifest) Look(images Images) (Plan, error) {
	c := &compiler{manifest: m, options: Options{Images: images}}
	c.plan.Resources, c.plan.Image = c.resources(), c.imageOf()
	c.plan.Notes = c.notes
	return c.plan, c.bad.err()
}
