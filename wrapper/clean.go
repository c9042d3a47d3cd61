package wrapper

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// containerNeeded says that something of the module is in its container only.
func (a *attempt) containerNeeded() bool { return a.Keep || a.Stage == StageCopy || a.Freeze != "" }

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
	defer func() {
		a.lock.release()
		if a.madePrefix {
			_ = os.Remove(a.LocalPrefix) // only where nothing is in it
		}
	}()
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
	if err := a.removePrivate(); err != nil {
		return fmt.Errorf("removing private inputs: %w", err)
	}
	if who, ok := ownerOf(a.callerID()); ok && a.User == UserCaller && os.Geteuid() == 0 {
		if err := a.give(".", who, true); err != nil {
			return fmt.Errorf("giving the files to their caller: %w", err)
		}
	}
	a.Log.Info().Str("dir", filepath.Clean(a.dir)).Msg("local files are kept")
	return nil
}

// removePrivate removes what lies below a directory that has the user's id as its name, whoever staged it in. The job's
// results are no inputs and stay.
func (a *attempt) removePrivate() error {
	if a.UserID == "" {
		return nil
	}
	return fs.WalkDir(a.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		p := "/" + name
		switch {
		case err != nil:
			return err
		case within(a.Workdir, p) || within(a.MetadataDir, p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !slices.Contains(strings.Split(name, "/"), a.UserID):
			return nil
		case within(p, a.Workdir) || within(p, a.MetadataDir):
			return nil // what lies beside the results is looked at by itself
		}
		if err := a.root.RemoveAll(name); err != nil || !d.IsDir() {
			return err
		}
		return fs.SkipDir
	})
}
