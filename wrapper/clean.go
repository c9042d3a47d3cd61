package wrapper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// removeContainer removes the module container, with time of its own where save has none left.
func (a *attempt) removeContainer(save context.Context) error {
	if a.container == nil || a.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(save), removalTime)
	defer cancel()
	return a.container.Remove(ctx)
}

// removeRoot removes this attempt's tree and gives up the job's lock. With Keep the tree stays, without the private
// inputs: those never outlive the job on the node.
func (a *attempt) removeRoot() error {
	defer a.lock.release()
	if a.root == nil {
		return nil
	}
	defer a.root.Close()
	for _, l := range a.logs.all() {
		if l != nil {
			l.f.Close()
		}
	}
	if !a.Keep {
		if err := os.RemoveAll(a.dir); err != nil {
			return fmt.Errorf("removing the attempt's files: %w", err)
		}
		return nil
	}
	_ = a.root.RemoveAll(ownDir)
	for _, p := range a.privateDirs() {
		if err := a.root.RemoveAll(inRoot(p)); err != nil {
			return fmt.Errorf("removing private inputs %s: %w", p, err)
		}
	}
	a.Log.Info().Str("dir", filepath.Clean(a.dir)).Msg("local files are kept")
	return nil
}

// privateDirs are the inputs below a path that has the user's id as an element.
func (a *attempt) privateDirs() []string {
	if a.UserID == "" {
		return nil
	}
	var all []string
	for _, d := range a.mountDirs() {
		results := within(a.Workdir, d) || within(d, a.Workdir) || within(a.MetadataDir, d) || within(d, a.MetadataDir)
		if !results && slices.Contains(strings.Split(d, "/"), a.UserID) {
			all = append(all, d)
		}
	}
	return all
}
