package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/tool"
)

func main() { tool.Main("smoke", smoke) }

// A test is one run of the smoke test.
type test struct {
	ctx  context.Context
	work string // the directory that all of it is in

	engine   *lab.Engine
	socket   string // the engine's
	ferry    string // its binary
	transfer string // the images
	module   string
	bucket   *lab.Server
	remote   string // the jobs' remote root

	key, secret string // of the emulator; "" for any

	failures int
}

func smoke(ctx context.Context, args []string) (int, error) {
	t := &test{ctx: ctx, ferry: os.Getenv("FERRY"), module: os.Getenv("MODULE_IMAGE")}
	if len(args) > 1 {
		t.transfer = args[1]
	}
	if len(args) > 0 && args[0] != "" {
		return 0, t.against(args[0])
	}
	return 0, tool.InTemp(t.eachEmulator)
}

// against is the whole test with one emulator.
func (t *test) against(endpoint string) error {
	// Emulators take any key; LocalStack makes an account of one that has twelve digits.
	t.bucket = &lab.Server{Endpoint: endpoint, AccessKey: tool.Env("AWS_ACCESS_KEY_ID", "test"), SecretKey: tool.Env("AWS_SECRET_ACCESS_KEY", "test"),
		Region: tool.Env("AWS_REGION", "us-east-1"), Bucket: fmt.Sprintf("ferry-smoke-%d-%d", time.Now().UnixNano(), os.Getpid())}
	if t.key != "" {
		t.bucket.AccessKey, t.bucket.SecretKey = t.key, t.secret
	}
	t.remote = "s3://" + t.bucket.Bucket + "/gp"
	if err := t.prepare(); err != nil {
		return err
	}
	if err := makeBucket(t.ctx, t.bucket); err != nil {
		return err
	}
	say("bucket %s at %s", t.bucket.Bucket, t.bucket.Endpoint)
	if err := tool.InTemp(t.steps); err != nil {
		return err
	}
	if t.failures > 0 {
		return fmt.Errorf("%d checks failed against %s", t.failures, t.bucket.Endpoint)
	}
	say("all is well with %s", t.bucket.Endpoint)
	return nil
}

// prepare makes what was not given.
func (t *test) prepare() (err error) {
	if t.engine == nil {
		if t.engine, err = lab.StartEngine(t.ctx, os.Stderr); err != nil {
			return err
		}
	}
	if t.socket, err = t.engine.Socket(); err != nil {
		return err
	}
	if t.ferry == "" {
		if t.ferry, err = tool.Build(t.ctx); err != nil {
			return err
		}
	}
	if t.transfer == "" {
		t.transfer = "ferry:smoke"
		if err := lab.BuildTransferImage(t.ctx, t.transfer, t.ferry, t.engine.Host); err != nil {
			return err
		}
	}
	if t.module == "" {
		t.module, err = t.engine.DemoModule(t.ctx, os.Stderr)
	}
	return err
}

// steps puts the jobs there, runs them, and looks at what came of them.
func (t *test) steps(work string) error {
	t.work = work
	if err := os.Mkdir(filepath.Join(work, "local"), 0o755); err != nil {
		return err
	}
	server := filepath.Join(work, "server")
	if err := layOut(server, t.remote); err != nil {
		return err
	}
	if err := t.move(server, t.remote); err != nil {
		return err
	}
	var codes [3]int
	for i, run := range []func() (int, error){
		func() (int, error) { return t.runJob("101") },
		func() (int, error) { return t.runJob("102") },
		func() (int, error) { return t.runOld("103") },
	} {
		var err error
		if codes[i], err = run(); err != nil {
			return err
		}
	}
	if err := t.move(t.remote, filepath.Join(work, "back")); err != nil {
		return err
	}
	if err := t.submits(); err != nil {
		return err
	}
	if err := t.check(codes); err != nil {
		return err
	}
	if t.failures > 0 {
		t.logs()
	}
	return nil
}

func (t *test) move(from, to string) error {
	_, err := lab.Output(lab.Command(t.ctx, t.bucket.Env(), t.ferry, "sync", from, to, "--only-show-errors"))
	return err
}

// say speaks to whoever watches.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
