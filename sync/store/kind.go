package store

import "context"

// A Kind is all that a registry and a command know of one implementation of Store. It is a value that nobody changes.
type Kind struct {
	// Name is what people call it, such as "Amazon S3".
	Name string
	// Schemes of its URLs; no other kind has them.
	Schemes []string
	// Form of its URLs in messages and help, such as "s3://BUCKET/PREFIX".
	Form string
	// Paths says that it takes an absolute path for a URL of its first scheme. One kind does.
	Paths bool
	// Parse splits what follows "scheme://". Its error completes a sentence that begins with the URL, such as "names no
	// bucket". It touches nothing.
	Parse func(rest string) (bucket, prefix string, err error)
	// Can is what its stores can do besides Open.
	Can Abilities
	// Options that its users may set; their names are unique among all kinds.
	Options []Option
	// Hints are what its users can do about its errors, by package store's errors; its errors bring them as cause.Hinted.
	Hints map[error]string
	// Open makes a store, and sends nothing. What the machine must be asked for, such as a cloud's configuration, is read
	// here and not earlier, once per process. A configuration that cannot be read is an error.
	Open func(ctx context.Context, o Opening) (Store, error)
}

// An Opening is what a store is made of.
type Opening struct {
	Location
	// Settings are those of the kind's own options, each of which passed its Check.
	Settings Settings
	// Lookup is the environment, for kinds whose SDK does not read it by itself.
	Lookup func(name string) (value string, ok bool)
}

// Abilities of a store; every one can Open. What it cannot do is errors.ErrUnsupported.
type Abilities struct{ List, Write, Delete bool }

// Everything is what a store can do that lacks nothing.
var Everything = Abilities{List: true, Write: true, Delete: true}

// Lacks names in a word for messages the first ability in needs that a does not have; "" where it has all.
func (a Abilities) Lacks(needs Abilities) string {
	switch {
	case needs.List && !a.List:
		return "listed"
	case needs.Write && !a.Write:
		return "written"
	case needs.Delete && !a.Delete:
		return "deleted from"
	}
	return ""
}

// An Option of a kind is a flag of every command that opens stores.
type Option struct {
	Name   string // of the flag, without dashes
	Arg    string // what help calls the value; "" for a switch, whose value is "true"
	Usage  string // mentions Arg
	Hidden bool   // help does not show it
	// Check says what is wrong with a value. It is never nil.
	Check func(value string) error
}

// Settings are options that were given, by name. They are all there is between flags and stores: who passes them on does
// not know what they mean.
type Settings map[string]string

// A Field is one option of a store whose options are a T.
type Field[T any] struct {
	Name, Arg, Usage string
	Hidden           bool
	// Set sets it in o, or says what is wrong with the value. That of a switch is "true".
	Set func(o *T, value string) error
}

// Fields are a store's table of options: a Kind's Options, and what Open reads Settings with.
type Fields[T any] []Field[T]

// Options is the table for a Kind.
func (fs Fields[T]) Options() []Option {
	var all []Option
	for _, f := range fs {
		all = append(all, Option{Name: f.Name, Arg: f.Arg, Usage: f.Usage, Hidden: f.Hidden, Check: func(v string) error { return f.Set(new(T), v) }})
	}
	return all
}

// Read makes a T of the settings.
func (fs Fields[T]) Read(s Settings) (o T, err error) {
	for _, f := range fs {
		if v, ok := s[f.Name]; ok && err == nil {
			err = f.Set(&o, v)
		}
	}
	return o, err
}
