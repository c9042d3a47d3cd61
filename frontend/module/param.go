package module

import (
	"fmt"
	"strconv"
	"strings"
)

// A Kind is what the values of a parameter are.
type Kind string

// The kinds of values.
const (
	Text      Kind = "text"
	File      Kind = "file"
	Directory Kind = "directory"
	Password  Kind = "password"
)

// A ListMode is how several files or texts become arguments.
type ListMode string

// The list modes. ModeNone is that of a parameter that says nothing.
const (
	ModeNone      ListMode = ""
	ModeList      ListMode = "LIST"
	ModeLegacy    ListMode = "LEGACY"
	ModeListEmpty ListMode = "LIST_INCLUDE_EMPTY"
	ModeCmd       ListMode = "CMD"
	ModeCmdOpt    ListMode = "CMD_OPT"
)

// A Param is one parameter of a module.
type Param struct {
	Name        string
	Description string
	Kind        Kind
	Formats     []string // of a file, such as gct
	Optional    bool
	Default     string
	Choices     []Choice
	ChoiceDir   string // a URL that has the choices, "" for none
	Prefix      string
	Range       Bounds // of a number
	HasRange    bool
	Count       Count
	PassURL     bool // a URL is passed as it is
	List        Listing
}

// A Count is how many values a parameter takes.
type Count struct {
	Bounds
	Given bool // the manifest says it
}

// A Listing is how several values of one parameter are passed.
type Listing struct {
	Mode        ListMode
	Separator   string
	Groups      Bounds // how many groups of files
	Grouped     bool
	FileColumn  string
	GroupColumn string
}

// A Choice is one value that a parameter may have. Value is what the module gets, perhaps "".
type Choice struct{ Value, Label string }

func (c Choice) String() string {
	if c.Label == "" || c.Label == c.Value {
		return c.Value
	}
	return c.Value + " (" + c.Label + ")"
}

// Bounds are a least and a greatest number. HasMax is false where there is no greatest.
type Bounds struct {
	Min, Max       float64
	HasMin, HasMax bool
}

// Holds reports whether n is within the bounds.
func (b Bounds) Holds(n float64) bool { return !(b.HasMin && n < b.Min || b.HasMax && n > b.Max) }

func (b Bounds) String() string {
	num := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch {
	case b.HasMin && b.HasMax && b.Min == b.Max:
		return num(b.Min)
	case b.HasMin && b.HasMax:
		return num(b.Min) + ".." + num(b.Max)
	case b.HasMin:
		return num(b.Min) + "+"
	case b.HasMax:
		return num(b.Max) + "-"
	}
	return ""
}

// parseBounds reads "1", "0..1", "2+" or "5-".
func parseBounds(s string) (Bounds, error) {
	s = strings.TrimSpace(s)
	var b Bounds
	var err error
	read := func(text string, to *float64, has *bool) {
		f, e := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if e != nil || f != f {
			err = fmt.Errorf("%q is none of 1, 0..1, 2+, 5-", s)
		}
		*to, *has = f, true
	}
	if low, high, ok := strings.Cut(s, ".."); ok {
		if strings.TrimSpace(low) != "" {
			read(low, &b.Min, &b.HasMin)
		}
		if strings.TrimSpace(high) != "" {
			read(high, &b.Max, &b.HasMax)
		}
		return b, err
	}
	switch {
	case strings.HasSuffix(s, "+"):
		read(strings.TrimSuffix(s, "+"), &b.Min, &b.HasMin)
	case strings.HasSuffix(s, "-"):
		read(strings.TrimSuffix(s, "-"), &b.Max, &b.HasMax)
	default:
		read(s, &b.Min, &b.HasMin)
		b.Max, b.HasMax = b.Min, b.HasMin
	}
	return b, err
}

// parseParam reads a parameter's attributes. attr gives "" for one that is absent.
func parseParam(name string, attr func(string) string) (Param, error) {
	p := Param{Name: name, Description: strings.TrimSpace(attr("description")), Kind: Text, Optional: strings.TrimSpace(attr("optional")) != "",
		Default: attr("default_value"), ChoiceDir: strings.TrimSpace(attr("choiceDir")), Prefix: attr("prefix_when_specified"),
		PassURL: strings.EqualFold(strings.TrimSpace(attr("url")), "on")}
	p.Kind = kindOf(strings.TrimSpace(attr("TYPE")), strings.TrimSpace(attr("MODE")), strings.TrimSpace(attr("type")))
	if p.Kind == File {
		for _, f := range strings.FieldsFunc(attr("fileFormat"), func(r rune) bool { return r == ';' || r == ',' }) {
			p.Formats = append(p.Formats, strings.TrimSpace(f))
		}
	}
	list := attr("value")
	if strings.TrimSpace(list) == "" {
		list = attr("choices")
	}
	p.Choices = parseChoices(list)
	if err := p.parseCounts(attr); err != nil {
		return p, err
	}
	if text := strings.TrimSpace(attr("range")); text != "" {
		b, err := parseBounds(text)
		if err != nil {
			return p, fmt.Errorf("range: %w", err)
		}
		p.Range, p.HasRange = b, true
	}
	return p, nil
}

func (p *Param) parseCounts(attr func(string) string) (err error) {
	p.Count.Bounds = Bounds{Max: 1, HasMax: true}
	if text := strings.TrimSpace(attr("numValues")); text != "" {
		if p.Count.Bounds, err = parseBounds(text); err != nil {
			return fmt.Errorf("numValues: %w", err)
		}
		p.Count.Given = true
	}
	if text := strings.TrimSpace(attr("numGroups")); text != "" {
		if p.List.Groups, err = parseBounds(text); err != nil {
			return fmt.Errorf("numGroups: %w", err)
		}
		p.List.Grouped = true
	}
	p.List.Mode = ListMode(strings.ToUpper(strings.TrimSpace(attr("listMode"))))
	switch p.List.Mode {
	case ModeNone, ModeList, ModeLegacy, ModeListEmpty, ModeCmd, ModeCmdOpt:
	default:
		return fmt.Errorf("listMode: %q is none of list, legacy, list_include_empty, cmd, cmd_opt", attr("listMode"))
	}
	if p.List.Separator = attr("listModeSep"); p.List.Separator == "" {
		p.List.Separator = ","
	}
	column := func(name, standard string) string {
		if text := strings.TrimSpace(attr(name)); text != "" {
			return text
		}
		return standard
	}
	p.List.FileColumn, p.List.GroupColumn = column("fileColumnLabel", "VALUE"), column("groupColumnLabel", "GROUP")
	return nil
}

// kindOf joins the attributes TYPE, MODE and type. The older type=java.io.File stands for a file that goes in.
func kindOf(upper, mode, lower string) Kind {
	if upper == "" && lower == "java.io.File" {
		upper = "FILE"
	}
	if mode == "" && lower == "java.io.File" {
		mode = "IN"
	}
	switch {
	case strings.EqualFold(upper, "FILE") && strings.EqualFold(mode, "IN"):
		return File
	case strings.EqualFold(upper, "DIRECTORY"), strings.EqualFold(lower, "DIRECTORY"):
		return Directory
	case strings.EqualFold(upper, "PASSWORD"), strings.EqualFold(lower, "PASSWORD"):
		return Password
	}
	return Text
}

func parseChoices(list string) []Choice {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	var all []Choice
	for item := range strings.SplitSeq(strings.TrimSuffix(strings.TrimRight(list, " \t"), ";"), ";") {
		value, label, has := strings.Cut(item, "=")
		c := Choice{Value: strings.TrimSpace(value), Label: strings.TrimSpace(label)}
		if !has {
			c.Label = c.Value
		}
		all = append(all, c)
	}
	return all
}

// IsFile reports whether its values are files that go in.
func (p *Param) IsFile() bool { return p.Kind == File || p.Kind == Directory }

// Many reports whether it takes more than one value.
func (p *Param) Many() bool { return !p.Count.HasMax || p.Count.Max > 1 }

// Required reports whether it needs a value.
func (p *Param) Required() bool {
	if p.Count.Given {
		return p.Count.HasMin && p.Count.Min >= 1
	}
	return !p.Optional
}
