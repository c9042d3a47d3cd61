package testenv

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// startWithin bounds the start of a server that takes a tenth of a second on an idle machine.
const startWithin = 60 * time.Second

// A Server is a bucket of an S3 server (versitygw over a directory, see tools/s3server). It needs path-style
// addressing. Because objects are files there, it cannot hold both a key "a" and a key "a/b".
type Server struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string
	Region    string
	Bucket    string // made for this test alone, and empty
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

// Setenv sets Env in this process until the test ends; the test cannot be parallel.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	CleanAWS(t)
	for _, kv := range s.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

// S3 is a new bucket of the S3 server that the test binary's tests share.
func S3(t testing.TB) *Server {
	t.Helper()
	return plain.bucket(t)
}

// S3TLS is the same over TLS, with a certificate that only CAFile vouches for.
func S3TLS(t testing.TB) *Server {
	t.Helper()
	return withTLS.bucket(t)
}

var (
	plain   = &process{}
	withTLS = &process{tls: true}
	buckets atomic.Int64
)

// A process is one running s3server. It ends when this process does, because that closes its standard input.
type process struct {
	tls   bool
	start sync.Once
	err   error

	mu     sync.Mutex // a request and its answer
	server Server
	in     io.Writer
	out    *bufio.Reader
	log    lockedBuffer
}

func (p *process) bucket(t testing.TB) *Server {
	t.Helper()
	p.start.Do(func() { p.err = p.launch() })
	if p.err != nil {
		t.Fatalf("starting the S3 server: %v\n%s", p.err, p.log.String())
	}
	s := p.server
	s.Bucket = fmt.Sprintf("ferry-test-%d", buckets.Add(1))
	s.Dir = filepath.Join(p.server.Dir, s.Bucket)
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.in, "bucket %s\n", s.Bucket)
	if line, err := p.out.ReadString('\n'); err != nil || line != "bucket "+s.Bucket+"\n" {
		t.Fatalf("making bucket %q: %q, %v\n%s", s.Bucket, line, err, p.log.String())
	}
	return &s
}

// launch builds and starts the server, and returns once it answers.
func (p *process) launch() error {
	path, err := build("s3server", filepath.Join(Root(), "tools", "s3server"))
	if err != nil {
		return err
	}
	p.server = Server{AccessKey: "ferrytest", SecretKey: "ferrytestsecret", Region: "us-east-1"}
	cmd := exec.Command(path)
	if p.tls {
		cert, key, err := selfSigned(cacheDir())
		if err != nil {
			return err
		}
		p.server.CAFile = cert
		cmd.Args = append(cmd.Args, "--cert", cert, "--key", key)
	}
	if cmd.Stdin, err = pipeTo(&p.in); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = &p.log
	if err := cmd.Start(); err != nil {
		return err
	}
	cmd.Stdin.(*os.File).Close() // the server's end
	p.out = bufio.NewReader(out)
	line := make(chan string, 1)
	go func() {
		s, _ := p.out.ReadString('\n')
		line <- s
	}()
	select {
	case s := <-line:
		f := strings.Fields(s)
		if len(f) != 4 || f[0] != "listening" || f[2] != "in" {
			return fmt.Errorf("it said %q", s)
		}
		p.server.Endpoint, p.server.Dir = f[1], f[3]
		return nil
	case <-time.After(startWithin):
		return fmt.Errorf("no answer within %s", startWithin)
	}
}

// pipeTo makes a pipe, sets w to the end to write to and returns the end to read from. The writing end is never closed:
// the end of this process does it.
func pipeTo(w *io.Writer) (*os.File, error) {
	r, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	*w = end
	return r, nil
}
