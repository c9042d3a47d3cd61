package store

import (
	"context"
	"fmt"
	"time"
)

// A Kind is all that a registry and a command know of one implementation of Store. Nobody changes it once made.
type Kind struct {
	// Name is what people call it, such as "Amazon S3".
	Name string
	// Schemes of its URLs. No other kind has them.
	Schemes []string
	// Form of its URLs in messages and help, such as "s3://BUCKET/PREFIX".
	Form string
	// Paths says that an absolute path stands for a URL of its first scheme. Only one kind can say so.
	Paths bool
	// Parse splits what follows "scheme://". Its error completes a sentence that begins with the URL, such as "names no
	// bucket". It touches nothing.
	Parse func(rest string) (bucket, prefix string, err error)
	// Claims says of a URL with a scheme of another kind whether it is this kind's all the same: what it would be behind this kind's
	// first scheme, and what in it is a secret. nil claims none.
	Claims func(scheme, rest string) (own string, secret Secret, ok bool)
	// Base is the file name that a key ends in; "" where it ends in none. nil is what follows the last slash.
	Base func(key string) string
	// Can is what its stores can do besides Open.
	Can Abilities
	// Options that its users may set. Their names are unique among all kinds, but for those of shared ones.
	Options []Option
	// Hints say what its users can do about its errors. They are by package store's errors. The errors bring them as cause.Hinted.
	Hints map[error]string
	// Open makes a store, and sends nothing to it. It reads what the machine must be asked for, such as a cloud's configuration,
	// once per process. A configuration that cannot be read is an error. Open is safe for concurrent use.
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

// Abilities of a store. Every store can Open. What a store cannot do fails with errors.ErrUnsupported.
type Abilities struct{ List, Write, Delete bool }

// Everything has all abilities.
var Everything = Abilities{List: true, Write: true, Delete: true}

// Lacks names the first ability in needs that a lacks, in a word for messages. It is "" where a has all.
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

// An Option of a kind is a flag of every command that opens stores, or of those alone that only transfer.
type Option struct {
	Name   string // of the flag, without dashes
	Arg    string // what help calls the value; "" for a switch, whose value is "true"
	Usage  string // mentions Arg
	Hidden bool   // help does not show it
	Form   Form
	// Check says what is wrong with a value. It is never nil.
	Check func(value string) error
}

// A Form is how an option is given. The zero Form is a flag of every command, with one value.
type Form struct {
	// Copies says that only commands that do nothing but transfer have the option. A job does not.
	Copies bool
	// Alone are the values that may follow the flag. Where another word follows, or none, the first of them is meant.
	Alone []string
	// Many says that several values may follow the flag. They become one, with a newline between two.
	Many bool
	// Shared says that other kinds have the same option, and mean the same by it.
	Shared bool
}

// Settings are the options that were given, by name. They pass from flags to stores, and only the stores know what they mean.
type Settings map[string]string

// WaitField is the Field of the option --store-wait, which all stores over HTTP share. at is where a T keeps it, 0 for the usual time.
func WaitField[T any](at func(*T) *time.Duration) Field[T] {
	return Field[T]{Name: "store-wait", Arg: "TIME", Usage: "wait TIME for a store that answered before and does not now (default 5m)", Form: Form{Shared: true},
		Set: func(o *T, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d <= 0 {
				return fmt.Errorf("%q is no time above zero, such as 90s or 5m", v)
			}
			*at(o) = d
			return nil
		}}
}

// A Field is one Option of a store, and the way to set it in a T. A T holds all options of the store.
type Field[T any] struct {
	Name, Arg, Usage string
	Hidden           bool
	Form             Form
	// Set sets it in o, or says what is wrong with the value. That of a switch is "true".
	Set func(o *T, value string) error
}

// Fields are a store's table of options. A Kind's Options are made from it, and Open reads Settings with it.
type Fields[T any] []Field[T]

// Options is the table for a Kind.
func (fs Fields[T]) Options() []Option {
	var all []Option
	for _, f := range fs {
		all = append(all, Option{Name: f.Name, Arg: f.Arg, Usage: f.Usage, Hidden: f.Hidden, Form: f.Form, Check: func(v string) error { return f.Set(new(T), v) }})
	}
	return all
}

// Read makes a T of the settings. Its error says what is wrong with a value.
func (fs Fields[T]) Read(s Settings) (o T, err error) {
	for _, f := range fs {
		if v, ok := s[f.Name]; ok && err == nil {
			err = f.Set(&o, v)
		}
	}
	return o, err
}
