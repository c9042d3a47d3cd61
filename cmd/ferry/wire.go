package main

import (
	"net/http"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/frontend/genepattern/syncscript"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
	"github.com/genepattern/ferry/wrapper"
)

// This file builds what commands need, once it is known what that is: engines and stores by their registries, logins and
// freezers for them.

// vocabulary is what a job's description may name.
func vocabulary() job.Vocabulary {
	v := job.Vocabulary{Engines: engines.Names(), Image: engines.ImageForms(), Source: stores.Check, Root: func(url string) error {
		return stores.All.CheckRoot(url, store.Abilities{List: true, Write: true})
	}}
	for _, o := range stores.All.Options() {
		if !o.Form.Copies {
			v.Stores = append(v.Stores, job.StoreOption{Name: o.Name, Arg: o.Arg, Usage: o.Usage, Hidden: o.Hidden, Check: o.Check})
		}
	}
	return v
}

// runDeps are what a job is run with on this machine.
func runDeps(w world, j *job.Job, log zerolog.Logger) (wrapper.Deps, error) {
	deps, err := storeDeps(w, j.Store, log)
	if err == nil {
		deps.Engine, err = openEngine(w, j.Container.Engine)
	}
	if err != nil {
		return deps, err
	}
	deps.Stager = stagerOf(j)
	login, home, err := newLogins(w, registryLogin{host: j.Registry.Host, user: j.Registry.User, passwordFile: j.Registry.PasswordFile}, log)
	if err != nil {
		return deps, err
	}
	deps.Login = login
	if f, ok := newFreezer(w, deps.Engine, login, home, log); ok {
		deps.Freezer = f
	}
	return deps, nil
}

// stagerOf stages in what a server's sync script asks for; nil where there is none.
func stagerOf(j *job.Job) wrapper.Stager {
	if j.Files.SyncScript == "" {
		return nil
	}
	return syncscript.Stager{Proxy: http.ProxyFromEnvironment}
}

// nodeDeps are what tells about a node and its store, without a job.
func nodeDeps(w world, engineName string, log zerolog.Logger) (wrapper.Deps, error) {
	deps, err := storeDeps(w, nil, log)
	if err == nil {
		deps.Engine, err = openEngine(w, engineName)
	}
	return deps, err
}

// storeDeps are what tells a store of a job that cannot run.
func storeDeps(w world, settings store.Settings, log zerolog.Logger) (wrapper.Deps, error) {
	deps := wrapper.Deps{Transfer: ferrysync.New(ferrysync.Config{}), Log: log, Stdout: w.stdout, Stderr: w.stderr, Version: version}
	opener, err := w.shared.opener(settings, w.lookup)
	if err == nil {
		deps.Open = opener.Open
	}
	deps.Reopen = reopener(w)
	return deps, err
}

// reopener opens stores as another job had them.
func reopener(w world) wrapper.Reopener {
	return func(settings map[string]string) (wrapper.Opener, error) {
		opener, err := stores.All.Opener(settings, w.lookup)
		if err != nil {
			return nil, err
		}
		return opener.Open, nil
	}
}

// openEngine makes an engine by its name.
func openEngine(w world, name string) (engine.Engine, error) {
	return w.shared.engine(name, func() (engine.Engine, error) { return engines.Open(name, engineHost(w)) })
}

// engineHost is what engines see of this process.
func engineHost(w world) engine.Host { return engine.Host{Lookup: w.lookup, Environ: w.environ} }

// newFreezer is a freezer on an engine; false where it makes no images.
func newFreezer(w world, eng engine.Engine, login engine.Login, home commit.Home, log zerolog.Logger) (*commit.Freezer, bool) {
	f, ok := commit.New(eng)
	if !ok {
		return nil, false
	}
	report := &commit.Reporter{W: w.stderr, Terminal: terminal(w.stderr)}
	if !report.Terminal {
		report.W = logLines{log}
	}
	f.Home, f.Login, f.Version, f.Progress = home, login, version, report.Step
	f.Log = func(format string, args ...any) { log.Info().Msgf(format, args...) }
	return f, true
}
