package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/visible"
)

// A shownModule is what `ferry module show --json` prints.
type shownModule struct {
	Name        string          `json:"name"`
	Version     string          `json:"version,omitempty"`
	LSID        string          `json:"lsid,omitempty"`
	Description string          `json:"description,omitempty"`
	Image       string          `json:"image,omitempty"`
	ImageFrom   string          `json:"image_from,omitempty"`
	CommandLine string          `json:"command_line"`
	Resources   *shownResources `json:"resources,omitempty"`
	Refused     string          `json:"refused,omitempty"` // why it cannot run here
	Notes       []string        `json:"notes,omitempty"`
	Parameters  []shownParam    `json:"parameters"`
}

type shownResources struct {
	Memory   int64   `json:"memory_bytes,omitempty"`
	CPUs     float64 `json:"cpus,omitempty"`
	Walltime float64 `json:"walltime_seconds,omitempty"`
}

type shownParam struct {
	Name        string        `json:"name"`
	Type        string        `json:"type"`
	Formats     []string      `json:"formats,omitempty"`
	Required    bool          `json:"required"`
	Default     string        `json:"default,omitempty"`
	Choices     []shownChoice `json:"choices,omitempty"`
	ChoicesAt   string        `json:"choices_at,omitempty"`
	Values      string        `json:"values"` // how many: 1, 0..1, 2+
	Range       string        `json:"range,omitempty"`
	Groups      string        `json:"groups,omitempty"`
	Description string        `json:"description,omitempty"`
}

type shownChoice struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

func describeModule(s *module.Source, table module.Images) shownModule {
	m := s.Manifest
	d := shownModule{Name: m.Name, Version: m.Version(), LSID: string(m.LSID), Description: m.Description, CommandLine: m.CommandLine, Notes: m.Notes, Parameters: []shownParam{}}
	if err := m.Refuse(); err != nil {
		d.Refused = err.Error()
	} else {
		look, err := m.Look(table)
		d.Image, d.ImageFrom = look.Image.Ref, look.Image.From
		d.Notes = append(d.Notes, look.Notes...)
		d.Resources = resourcesOf(look.Resources)
		if err != nil {
			d.Notes = append(d.Notes, err.Error())
		}
	}
	for i := range m.Params {
		p := &m.Params[i]
		sp := shownParam{Name: p.Name, Type: string(p.Kind), Formats: p.Formats, Required: p.Required(), Default: p.Default, ChoicesAt: p.ChoiceDir,
			Values: howMany(p), Description: p.Description}
		if p.Kind == module.Password && p.Default != "" {
			sp.Default = "***"
		}
		if p.HasRange {
			sp.Range = p.Range.String()
		}
		if p.List.Grouped {
			sp.Groups = p.List.Groups.String()
		}
		for _, c := range p.Choices {
			sp.Choices = append(sp.Choices, shownChoice(c))
		}
		d.Parameters = append(d.Parameters, sp)
	}
	return d
}

// howMany is how many values a parameter takes.
func howMany(p *module.Param) string {
	switch {
	case p.Count.Given:
		return p.Count.String()
	case p.Optional:
		return "0..1"
	}
	return "1"
}

func resourcesOf(r module.Resources) *shownResources {
	if r == (module.Resources{}) {
		return nil
	}
	return &shownResources{Memory: r.Memory, CPUs: r.CPUs, Walltime: r.Walltime.Seconds()}
}

// showModule prints a module for people.
func showModule(w io.Writer, d shownModule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", oneLine(d.Name), oneLine(d.Version))
	if d.Description != "" {
		fmt.Fprintf(&b, "  %s\n", oneLine(d.Description))
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", name, text)
		}
	}
	line("lsid", oneLine(d.LSID))
	if d.Image != "" {
		line("image", fmt.Sprintf("%s (%s)", d.Image, d.ImageFrom))
	}
	if r := d.Resources; r != nil {
		var all []string
		if r.Memory > 0 {
			all = append(all, units.BytesSize(float64(r.Memory))+" of memory")
		}
		if r.CPUs > 0 {
			all = append(all, fmt.Sprintf("%g cores", r.CPUs))
		}
		if r.Walltime > 0 {
			all = append(all, fmt.Sprintf("at most %gs", r.Walltime))
		}
		line("resources", strings.Join(all, ", "))
	}
	line("refused", d.Refused)
	for _, n := range d.Notes {
		line("note", oneLine(n))
	}
	b.WriteString("\nparameters (* must be given):\n")
	for _, p := range d.Parameters {
		b.WriteString(paramText(p))
	}
	if len(d.Parameters) == 0 {
		b.WriteString("  none\n")
	}
	_, err := io.WriteString(&visible.Writer{W: w}, b.String())
	return err
}

func paramText(p shownParam) string {
	mark := " "
	if p.Required && p.Default == "" && len(p.Choices) == 0 {
		mark = "*"
	}
	about := []string{p.Type}
	if len(p.Formats) > 0 {
		about[0] += " (" + strings.Join(p.Formats, ", ") + ")"
	}
	if p.Values != "1" && p.Values != "0..1" {
		about = append(about, p.Values+" values")
	}
	if p.Range != "" {
		about = append(about, p.Range)
	}
	if p.Groups != "" {
		about = append(about, "groups: "+p.Groups)
	}
	if p.Default != "" {
		about = append(about, "default "+oneLine(p.Default))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-24s %s\n", mark, oneLine(p.Name), strings.Join(about, ", "))
	if p.Description != "" {
		fmt.Fprintf(&b, "      %s\n", oneLine(p.Description))
	}
	for _, c := range p.Choices {
		fmt.Fprintf(&b, "      = %-20s %s\n", oneLine(c.Value), oneLine(c.Label))
	}
	if p.ChoicesAt != "" {
		fmt.Fprintf(&b, "      choices at %s\n", oneLine(egress.ShownAny(p.ChoicesAt)))
	}
	return b.String()
}

// A listedModule is a line of `ferry module list --json`.
type listedModule struct {
	Path    string `json:"path"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	LSID    string `json:"lsid,omitempty"`
	Refused string `json:"refused,omitempty"`
	Error   string `json:"error,omitempty"`
}

func listModules(w world, all []module.Listed, asJSON bool) error {
	for _, l := range all {
		d := listedModule{Path: l.Path, Name: l.Manifest.Name, Version: l.Manifest.Version(), LSID: string(l.Manifest.LSID)}
		switch {
		case l.Err != nil && d.Name != "" && cause.Of(l.Err) == cause.Refused:
			d.Refused = l.Err.Error()
		case l.Err != nil:
			d.Error = l.Err.Error()
		}
		var err error
		if asJSON {
			err = printJSON(w.stdout, d)
		} else {
			_, err = fmt.Fprintf(w.stdout, "%-30s %-10s %s%s\n", oneLine(orDash(d.Name)), oneLine(orDash(d.Version)), oneLine(d.Path), because(d))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func because(d listedModule) string {
	if text := d.Refused + d.Error; text != "" {
		return "  (" + oneLine(text) + ")"
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
