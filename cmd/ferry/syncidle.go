package main

// idleOptions are options that every command of the AWS CLI takes, and that change nothing there for a transfer. Scripts may give them.
func idleOptions() []syncOption {
	var all []syncOption
	for _, name := range []string{"no-paginate", "no-cli-pager", "no-cli-auto-prompt"} {
		all = append(all, syncOption{name: name, hidden: true, usage: "changes nothing", set: func(*syncArgs) {}})
	}
	for _, name := range []string{"output", "query", "color", "cli-binary-format", "cli-error-format"} {
		all = append(all, syncOption{name: name, hidden: true, usage: "changes nothing", value: func(*syncArgs, string) error { return nil }})
	}
	return all
}

// refusedOptions are those of the AWS CLI that ferry does not do, and why.
var refusedOptions = map[string]string{
	"--version":         "ferry has its own; `ferry version` prints it",
	"--no-overwrite":    "`ferry sync` leaves alone what is the same, and nothing else that is there",
	"--v2-debug":        "it tells what a later version of the AWS CLI would do otherwise, and ferry is none",
	"--cli-auto-prompt": "ferry asks nothing; `--help` lists the options",
}
