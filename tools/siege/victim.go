package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/minio"
)

const (
	accessKey = "ferrytest"
	secretKey = "ferrytestsecret"
	bucket    = "siege"
)

// startWithin bounds a server's start.
const startWithin = 60 * time.Second

// A victim is an S3 server that is killed, and comes back at the same address with what it had.
type victim struct {
	name, addr string
	command    func() *exec.Cmd
	client     *s3.Client

	cmd  *exec.Cmd // nil while it is dead
	held *os.File  // the end of a pipe by which the lab's server lives
}

func startVictim(s settings) (*victim, error) {
	dir := filepath.Join(s.dir, "server")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &victim{name: "versitygw", addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	if s.minio != "" {
		v.name = "MinIO"
		v.command = func() *exec.Cmd { return minio.Command(s.minio, v.addr, dir, accessKey, secretKey) }
	} else {
		path, err := lab.Tool("s3server")
		if err != nil {
			return nil, err
		}
		v.command = func() *exec.Cmd {
			cmd := exec.Command(path, "-addr", v.addr, "-dir", dir, "-access", accessKey, "-secret", secretKey)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			return cmd
		}
	}
	v.client = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://" + v.addr), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	if err := v.start(); err != nil {
		return nil, err
	}
	return v, v.answers()
}

// start starts it, and does not wait for it.
func (v *victim) start() error {
	cmd := v.command()
	in, held, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = in
	err = cmd.Start()
	_ = in.Close() // the server's end
	if err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", v.name, err), held.Close())
	}
	v.cmd, v.held = cmd, held
	return nil
}

// answers waits until it has its bucket.
func (v *victim) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		_, err := v.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
		if err == nil {
			return nil
		}
		if _, err := v.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(bucket)}); err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not start: %w", v.name, err)
		}
	}
}

// kill ends it, stopped or not.
func (v *victim) kill() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // it was killed
	_ = v.held.Close()
	v.cmd = nil
}

func (v *victim) signal(s syscall.Signal) { _ = v.cmd.Process.Signal(s) }
