package main

import (
	"context"
	"os"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
	inprocess "github.com/genepattern/ferry/engine/process"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
)

func engineNames() []string { return []string{job.EngineDocker, job.EngineProcess} }
func checkURL(u string) error {
	_, err := store.Parse(u)
	return err
}

type withSelf struct{ *docker.Engine }

func (e withSelf) Self(ctx context.Context) (*engine.Self, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	id := docker.OwnID(f)
	if id == "" {
		return nil, nil
	}
	self, err := e.Engine.Self(ctx, id)
	if err != nil {
		return nil, err
	}
	return &self, nil
}

func openEngine(w world, name string) (engine.Engine, error) {
	if name == job.EngineProcess {
		return inprocess.New(w.environ), nil
	}
	env := func(name string) string { v, _ := w.lookup(name); return v }
	conf := docker.Config{Host: env("DOCKER_HOST")}
	if env("DOCKER_TLS_VERIFY") != "" {
		conf.CertPath = env("DOCKER_CERT_PATH")
	}
	conf.SSH = sshConfig(env)
	eng, err := docker.New(conf)
	if err != nil {
		return nil, &cause.Error{Cause: cause.Usage, Hint: "is DOCKER_HOST right?", Err: err}
	}
	return withSelf{eng}, nil
}

func imagesOf(e engine.Engine) (commit.Images, commit.Containers, bool) {
	d, ok := e.(withSelf)
	if !ok {
		return nil, nil, false
	}
	return d.Engine, d.Engine, true
}
