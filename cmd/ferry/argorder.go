package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst puts a command's flags before its arguments, because the library stops at the first argument. What follows "--" stays
// behind it.
func flagsFirst(cmd *cli.Command, args []string) []string {
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return slices.Concat(flags, rest, args[i:])
		case a == "-" || !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if !strings.Contains(a, "=") && takesValue(cmd, strings.TrimLeft(a, "-")) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return append(flags, rest...)
}

// takesValue reports whether the word behind a flag is its value.
func takesValue(cmd *cli.Command, name string) bool {
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}

// subFlagsFirst is flagsFirst for the subcommands of the command that is args[i].
func subFlagsFirst(app *cli.App, args []string, i int) []string {
	cmd := app.Command(args[i])
	if cmd == nil {
		return args
	}
	for _, sub := range cmd.Subcommands {
		if sub.Name == args[i+1] {
			return slices.Concat(args[:i+2], flagsFirst(sub, args[i+2:]))
		}
	}
	return args
}

// anywhere are the commands whose flags may stand behind their arguments.
var anywhere = []string{"status", "logs", "fetch", "cancel", "jobs"}

// orderArgs is flagsFirst for those commands.
func orderArgs(app *cli.App, args []string) []string {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if strings.HasPrefix(a, "-") {
			if !strings.Contains(a, "=") {
				i++ // the program's own flags have values
			}
			continue
		}
		if a == "module" && i+1 < len(args) {
			return subFlagsFirst(app, args, i)
		}
		if !slices.Contains(anywhere, a) {
			break
		}
		for _, cmd := range app.Commands {
			if cmd.Name == a {
				return slices.Concat(args[:i+1], flagsFirst(cmd, args[i+1:]))
			}
		}
	}
	return args
}

// runsJob reports whether the arguments are those of a `ferry run` that is no dry run, or of a part of it.
func runsJob(args []string) bool {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") {
			return a == stageInName || a == execName || a == stageOutName || a == "run" && !slices.ContainsFunc(args[i:], func(a string) bool { return strings.TrimLeft(a, "-") == "dry-run" })
		}
		if !strings.Contains(a, "=") {
			i++ // the program's own flags have values
		}
	}
	return false
}
