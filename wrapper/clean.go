package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/wrapper/engine"
)

// removalTime bounds what removing a container may take, with an engine that restarts meanwhile; removalLast does so once
// there is no time left for anything else. removalPause is between two tries.
const (
	removalTime  = 20 * time.Second
	removalLast  = 3 * time.Second
	removalPause = 500 * time.Millisecond
)

// containerNeeded says that something of the module is in its container only.
func (a *attempt) containerNeeded() bool { return a.Keep || a.Stage == StageCopy || a.Freeze != "" }

// startRemoval removes the container: beside the stage out where nothing in it is needed any more, as the engine takes a
// tenth of a second for it, which is most of what is left to do; else when the function that it returns is called. That
// one returns once the container is gone.
func (a *attempt) startRemoval(save context.Context) (finish func()) {
	remove := func() {
		if err := a.stage("clean", func() error { return a.removeContainer(save) }); err != nil {
			a.warn("removing the container: %v", err)
		}
	}
	if a.containerNeeded() {
		return remove
	}
	var wg sync.WaitGroup
	wg.Go(remove)
	return wg.Wait
}

// removeContainer removes the module container, with time of its own where save has none left.
func (a *attempt) removeContainer(save context.Context) error {
	if a.container == nil || a.Keep {
		return nil
	}
	limit := removalTime
	if save.Err() != nil {
		limit = removalLast
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(save), limit)
	defer cancel()
	for {
		err := a.container.Remove(ctx)
		if !errors.Is(err, engine.ErrUnavailable) || save.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(removalPause):
		}
	}
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
