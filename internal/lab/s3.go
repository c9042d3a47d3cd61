package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startWithin bounds the start of a server, and each of its answers. An idle machine takes a tenth of a second.
const startWithin = 60 * time.Second

// A Server is a bucket of an S3 server. It needs path-style addressing. Because objects of the lab's own server are files
// (versitygw over a directory, see tools/s3server), that one cannot hold both a key "a" and a key "a/b".
type Server struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string
	Region    string
	Bucket    string // empty when it was made
	Dir       string // the bucket's directory: an object is the file of its key
	CAFile    string // PEM, for a server with TLS; else ""
}

// Env is what a child process needs to use the server, besides Environ.
func (s *Server) Env() []string {
	env := []string{
		"AWS_ENDPOINT_URL=" + s.Endpoint,
		"AWS_ACCESS_KEY_ID=" + s.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.SecretKey,
		"AWS_REGION=" + s.Region,
	}
	if s.CAFile != "" {
		env = append(env, "AWS_CA_BUNDLE="+s.CAFile)
	}
	return env
}

// S3Options of a server. The zero value is plain HTTP, and a directory of its own.
type S3Options struct {
	TLS bool   // with a certificate that only the bucket's CAFile vouches for
	Dir string // where buckets are, which must exist and stays; "" for a temporary one, which goes with the server
}

// An S3 is one running s3server. It ends when Stop is called, or when this process ends in any way, because that closes its
// standard input. Its methods are safe for concurrent use.
type S3 struct {
	cmd *exec.Cmd
	log lockedBuffer

	mu     sync.Mutex // a request and its answer
	server Server
	in     *os.File
	lines  chan string // what it prints; closed when it ends
}

// StartS3 builds the server if need be, starts it, and returns once it answers.
func StartS3(o S3Options) (*S3, error) {
	path, err := Tool("s3server")
	if err != nil {
		return nil, err
	}
	s := &S3{cmd: exec.Command(path), lines: make(chan string)}
	s.server = Server{AccessKey: "ferrytest", SecretKey: "ferrytestsecret", Region: "us-east-1"}
	if o.Dir != "" {
		s.cmd.Args = append(s.cmd.Args, "--dir", o.Dir)
	}
	if o.TLS {
		cert, key, err := selfSigned(cacheDir())
		if err != nil {
			return nil, err
		}
		s.server.CAFile = cert
		s.cmd.Args = append(s.cmd.Args, "--cert", cert, "--key", key)
	}
	// A Ctrl-C is for whoever uses the server, who needs it to end in good order.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("starting the S3 server: %w", err)
	}
	return s, nil
}

func (s *S3) start() error {
	in, end, err := os.Pipe()
	if err != nil {
		return err
	}
	s.in, s.cmd.Stdin, s.cmd.Stderr = end, in, &s.log
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	_ = in.Close() // the server's end
	if err != nil {
		_ = end.Close()
		return err
	}
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	said, err := s.hear()
	if f := strings.Fields(said); len(f) == 4 && f[0] == "listening" && f[2] == "in" {
		s.server.Endpoint, s.server.Dir = f[1], f[3]
		return nil
	}
	if err == nil {
		err = fmt.Errorf("it said %q", said)
	}
	_ = s.cmd.Process.Kill()
	s.Stop()
	return fmt.Errorf("%w\n%s", err, s.log.String())
}

// hear is the next line that the server prints.
func (s *S3) hear() (string, error) {
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return line, nil
	case <-time.After(startWithin):
		return "", fmt.Errorf("no answer within %s", startWithin)
	}
}

// Bucket makes a bucket. One that is there already is fine.
func (s *S3) Bucket(name string) (*Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.in, "bucket %s\n", name); err != nil {
		return nil, fmt.Errorf("making bucket %q: %w\n%s", name, err, s.log.String())
	}
	line, err := s.hear()
	if err == nil && line != "bucket "+name {
		err = errors.New(line)
	}
	if err != nil {
		return nil, fmt.Errorf("making bucket %q: %w\n%s", name, err, s.log.String())
	}
	b := s.server
	b.Bucket, b.Dir = name, filepath.Join(s.server.Dir, name)
	return &b, nil
}

// Stop ends the server, and returns when it has ended.
func (s *S3) Stop() {
	_ = s.in.Close()
	late := time.AfterFunc(startWithin, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	for range s.lines { // to its end, which is that of the server
	}
	_ = s.cmd.Wait() // it may have been killed
}
