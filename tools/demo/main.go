package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

func main() { tool.Main("demo", demo) }

// remote is where the job stands in the store.
const (
	bucket = "ferry-demo"
	remote = "s3://" + bucket + "/gp"
)

// A show is what the steps of the demo have made so far.
type show struct {
	ctx   context.Context
	out   io.Writer
	work  string // the directory that all of it is in
	input string

	engine   *lab.Engine
	socket   string // the engine's
	ferry    string // its binary
	transfer string // the images
	module   string
	bucket   *lab.Server
	aws      *lab.Moto
	code     int    // the job's exit code
	results  string // the directory of results
	said     string // where the module's stdout.txt and stderr.txt are
}

// demo returns the job's exit code. The steps are:
//
//  1. an engine, the binary, the images; with batch, an emulator of AWS
//  2. pack the module
//  3. run it: here, or with batch as a job of AWS Batch
//  4. show its results
//  5. compare them with those of the analysis alone
//
// and with another engine:
//
//  1. an engine, the binary, the module's image, an S3 server
//  2. put the job into S3
//  3. run it there
//  4. fetch its results, and show them
//  5. compare them with those of the analysis alone
func demo(ctx context.Context, args []string) (int, error) {
	batch := len(args) > 0 && args[0] == "batch"
	if batch {
		args = args[1:]
	}
	s := &show{ctx: ctx, out: os.Stdout, input: jobs.Input(), transfer: tool.Env("IMAGE", "ferry:dev")}
	if len(args) > 0 {
		s.input = args[0]
	}
	var err error
	if s.input, err = filepath.Abs(s.input); err != nil {
		return 0, err
	}
	if info, err := os.Stat(s.input); err != nil || !info.Mode().IsRegular() {
		return 0, fmt.Errorf("no such file: %q", s.input)
	}
	if runtime.GOOS != "linux" {
		return 0, errors.New("needs Linux: the containers and the S3 server share its network")
	}
	steps := s.moduleSteps
	switch {
	case os.Getenv("REMOTE_ENGINE") != "":
		steps = s.remoteSteps
	case batch:
		steps = s.batchSteps
	}
	err = tool.InTemp(steps)
	return s.code, err
}

func (s *show) remoteSteps(work string) error {
	s.work = work
	s.results, s.said = s.in("results"), s.in("results/.gp_metadata")
	if err := s.build("Build ferry and an S3 server (some minutes the first time)", func() error {
		_, err := lab.Tool("s3server")
		return err
	}); err != nil {
		return err
	}
	s.step("Put the job into S3")
	s3, err := lab.StartS3(lab.S3Options{})
	if err != nil {
		return err
	}
	defer s3.Stop()
	if s.bucket, err = s3.Bucket(bucket); err != nil {
		return err
	}
	s.say("S3 server at %s", s.bucket.Endpoint)
	if err := jobs.LayOut(s.in("job"), s.input); err != nil {
		return err
	}
	if err := s.move("job", remote); err != nil {
		return err
	}
	if err := s.runJob(); err != nil {
		return err
	}
	s.step("Fetch the results from S3")
	if err := s.move(remote+jobs.Dir, "results"); err != nil {
		return err
	}
	if err := s.showResults(); err != nil {
		return err
	}
	if err := s.compare(); err != nil {
		return err
	}
	s.step("Done: exit code %d", s.code)
	return nil
}

// build makes what the job needs. more builds what else.
func (s *show) build(title string, more func() error) (err error) {
	s.step("Docker engine")
	if s.engine, err = lab.StartEngine(s.ctx, os.Stderr); err != nil {
		return err
	}
	if s.socket, err = s.engine.Socket(); err != nil {
		return err
	}
	state := "running"
	if s.engine.Started {
		state = "started"
	}
	s.say("%s %s", state, s.engine.Host)

	s.step("%s", title)
	if s.ferry, err = tool.Build(s.ctx); err != nil {
		return err
	}
	if err := more(); err != nil {
		return err
	}
	if s.module, err = s.engine.DemoModule(s.ctx, os.Stderr); err != nil {
		return err
	}
	s.say("module image   %s", s.module)
	return nil
}

func (s *show) buildTransfer() error {
	if err := lab.BuildTransferImage(s.ctx, s.transfer, s.ferry, s.engine.Host); err != nil {
		return err
	}
	var image struct{ Size float64 }
	if err := s.engine.Call(s.ctx, "GET", "/images/"+s.transfer+"/json", nil, &image); err != nil {
		return err
	}
	s.say("transfer image %s, %.1f MB", s.transfer, image.Size/1e6)
	return nil
}

// move runs ferry sync in the work directory, so that it prints short paths.
func (s *show) move(args ...string) error {
	cmd := lab.Command(s.ctx, s.bucket.Env(), s.ferry, append([]string{"sync"}, args...)...)
	cmd.Dir = s.work
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ferry sync %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	s.indent(string(out))
	return nil
}

func (s *show) in(name string) string { return filepath.Join(s.work, name) }

func (s *show) step(format string, args ...any) { s.print("\n== "+format+"\n", args...) }
func (s *show) say(format string, args ...any)  { s.print("   "+format+"\n", args...) }

// print has nobody to tell that standard output is gone.
func (s *show) print(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// indent shows what a program printed.
func (s *show) indent(text string) {
	for line := range strings.Lines(text) {
		s.print("   %s\n", strings.TrimSuffix(line, "\n"))
	}
}
