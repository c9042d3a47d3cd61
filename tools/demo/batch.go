package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/genepattern/ferry/internal/lab"
)

// queue and definition are the names that AWS Batch knows.
const queue, definition = "demo", "ferry-demo"

// batchSteps run the module as a job of AWS Batch. The emulator starts jobs as containers of the engine.
func (s *show) batchSteps(work string) error {
	s.work = work
	s.results = s.in(moduleName)
	s.said = s.results
	if err := s.build("Build ferry and the transfer image (a minute the first time)", s.buildTransfer); err != nil {
		return err
	}
	if err := s.startAWS(); err != nil {
		return err
	}
	defer s.aws.Stop()
	if err := s.pack(); err != nil {
		return err
	}
	if err := s.runModule("--to", "batch:"+queue, "--definition", definition, "--remote", remote, "--wait"); err != nil {
		return err
	}
	if err := s.left(s.in("local")); err != nil {
		return err
	}
	return s.checkModule()
}

// startAWS starts the emulator, and makes a bucket, a queue and a job definition there.
func (s *show) startAWS() error {
	s.step("An emulator of AWS (moto): S3, Batch and its logs")
	install := lab.Command(s.ctx, nil, filepath.Join(lab.Root(), "scripts", "moto.sh"), "install")
	if _, err := lab.Output(install); err != nil {
		return err
	}
	if err := os.Mkdir(s.in("local"), 0o755); err != nil {
		return err
	}
	var err error
	if s.aws, err = lab.StartMoto(s.ctx, s.work, s.engine.Host); err != nil {
		return err
	}
	args := []string{"jobdef", "--name", definition, "--image", s.transfer, "--local-prefix", s.in("local"), "--docker-socket", s.socket}
	for _, kv := range s.aws.Env() { // of AWS, a job's role says them
		args = append(args, "--env", kv)
	}
	document, err := lab.Output(s.ferryHere(args...))
	if err == nil {
		err = errors.Join(s.aws.Bucket(s.ctx, bucket), s.aws.Queue(s.ctx, queue), s.aws.Definition(s.ctx, document))
	}
	if err != nil {
		s.aws.Stop()
		return err
	}
	s.say("%s: bucket %s, queue %s, job definition %s", s.aws.Endpoint, bucket, queue, definition)
	return nil
}
