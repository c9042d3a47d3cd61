package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/wrapper"
)

// removeCommand empties directories. Ferry runs it by itself, in a container, where it is not root and the module was.
func removeCommand() *cli.Command {
	return &cli.Command{Name: wrapper.RemoverName, Hidden: true, Action: func(c *cli.Context) error {
		var all []error
		for _, dir := range c.Args().Slice() {
			entries, err := os.ReadDir(dir)
			all = append(all, err)
			for _, e := range entries {
				all = append(all, rmtree.All(filepath.Join(dir, e.Name())))
			}
		}
		return errors.Join(all...)
	}}
}
