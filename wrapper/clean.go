package wrapper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
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
	done := true
	defer func() {
		if !done {
			a.lock.abandon() // so that the next ferry that may finds what is left
			return
		}
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
		err := os.RemoveAll(a.dir)
		if errors.Is(err, fs.ErrPermission) {
			if err = a.removeAsRoot(); err == nil {
				err = os.RemoveAll(a.dir)
			}
		}
		if err != nil {
			done = false
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

// Where removeAsRoot's container has ferry and the attempt's root.
const (
	removerPath = "/.ferry-remove"
	removedPath = "/.ferry-root"
	// RemoverName is the hidden command that empties a directory.
	RemoverName = "internal-remove"
)

// removeAsRoot empties the attempt's root where ferry, not being root, may not remove what a module that was root left: in
// a container of the module's image, with ferry's own static binary, as the image may have no rm.
func (a *attempt) removeAsRoot() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if a.self != nil || a.image.ID == "" || a.Stage != StageMount {
		return fs.ErrPermission
	}
	ctx, cancel := context.WithTimeout(context.Background(), removalTime)
	defer cancel()
	c, err := a.Engine.Create(ctx, engine.Spec{
		Name: a.containerName() + "-remove", Image: a.image, Command: []string{removerPath, RemoverName, removedPath},
		User: "0:0", Network: "none", Labels: a.labels(), CapAdd: []string{"DAC_OVERRIDE"}, // the root is closed to all but its owner
		Mounts: []engine.Mount{{Source: exe, Target: removerPath, ReadOnly: true}, {Source: a.host, Target: removedPath}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
	var said bytes.Buffer
	if err := c.Start(ctx, io.Discard, &said); err != nil {
		return err
	}
	exit, err := c.Wait(ctx)
	if err == nil && exit.Code != 0 {
		err = fmt.Errorf("as root in a container: %s", strings.TrimSpace(said.String()))
	}
	return err
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
		case subpath.Within(a.Workdir, p) || subpath.Within(a.MetadataDir, p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !slices.Contains(strings.Split(name, "/"), a.UserID):
			return nil
		case subpath.Within(p, a.Workdir) || subpath.Within(p, a.MetadataDir):
			return nil // what lies beside the results is looked at by itself
		}
		if err := a.root.RemoveAll(name); err != nil || !d.IsDir() {
			return err
		}
		return fs.SkipDir
	})
}
