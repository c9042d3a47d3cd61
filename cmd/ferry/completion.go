package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
)

// bashCompletion asks ferry itself what may stand next; zsh takes it too, through bashcompinit.
const bashCompletion = `_ferry() {
  local cur="${COMP_WORDS[COMP_CWORD]}" words
  if [[ "$cur" == -* ]]; then
    words=$("${COMP_WORDS[@]:0:COMP_CWORD}" "$cur" --generate-bash-completion 2>/dev/null)
  else
    words=$("${COMP_WORDS[@]:0:COMP_CWORD}" --generate-bash-completion 2>/dev/null)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _ferry ferry
`

const zshCompletion = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion

func completionCommand(w world) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a completion script for bash, zsh or fish",
		ArgsUsage:   "bash|zsh|fish",
		Description: "For this shell alone: source <(ferry completion bash)",
		Action: func(c *cli.Context) (err error) {
			var script string
			switch shell := c.Args().First(); shell {
			case "bash":
				script = bashCompletion
			case "zsh":
				script = zshCompletion
			case "fish":
				script, err = c.App.ToFishCompletion()
			default:
				err = cause.Fail(cause.Usage, "ferry completion bash", "completion: %q is none of bash, zsh, fish", shell)
			}
			if err == nil {
				_, err = fmt.Fprint(w.stdout, strings.TrimLeft(script, "\n"))
			}
			return err
		},
	}
}
