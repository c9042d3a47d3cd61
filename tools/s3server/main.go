// Command s3server is a real S3 server on the loopback interface for tests, the demo and benchmarks: versitygw over a
// directory. It lives in a Go module of its own so that nothing of it reaches ferry's dependencies.
//
// When it answers, it prints one line to standard output, "listening http://127.0.0.1:PORT in DIR": a bucket is a
// directory of DIR, an object a file below it. A line "bucket NAME" on its standard input makes a bucket, and is
// answered by the same line, or by "error …". It ends when its standard input does: whoever starts it holds the other
// end of a pipe, and when that process goes away, in whatever manner, the server follows it and removes the directory
// it made.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// stopWithin bounds the orderly shutdown; requests still open after it are cut.
const stopWithin = 3 * time.Second

type options struct {
	addr, dir, cert, key   string
	access, secret, region string
	buckets                list
}

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:0", "listen on `HOST:PORT`; port 0 is a free one")
	flag.StringVar(&o.dir, "dir", "", "keep objects in `DIR` (default: a temporary directory, removed at the end)")
	flag.StringVar(&o.cert, "cert", "", "serve TLS with the certificate in `FILE`")
	flag.StringVar(&o.key, "key", "", "and its key in `FILE`")
	flag.StringVar(&o.access, "access", "ferrytest", "access key `ID` of the one account")
	flag.StringVar(&o.secret, "secret", "ferrytestsecret", "its secret `KEY`")
	flag.StringVar(&o.region, "region", "us-east-1", "the `REGION` it claims to be in")
	flag.Var(&o.buckets, "bucket", "make the bucket `NAME` (repeatable)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}

// run serves until ctx or in ends, which is no error.
func run(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	top, err := os.MkdirTemp("", "ferry-s3-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(top) }()
	if o.dir == "" {
		o.dir = top
	}
	for _, p := range []*string{&o.dir, &o.cert, &o.key} { // the backend changes the current directory
		if *p == "" {
			continue
		}
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}

	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- serve(ctx, o, func() { close(ready) }) }()
	select {
	case err := <-done:
		return ended(ctx, err)
	case <-ready:
	}
	addr, err := listening()
	if err != nil {
		return err
	}
	url := "http://" + addr
	if o.cert != "" {
		url = "https://" + addr
	}
	c := newClient(url, o)
	if err := c.start(ctx, o.buckets); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "listening", url, "in", o.dir); err != nil {
		return err
	}
	go func() {
		obey(ctx, c, in, out)
		cancel()
	}()

	select {
	case err := <-done:
		return ended(ctx, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return ended(ctx, err)
	case <-time.After(stopWithin):
		return nil
	}
}

// serve runs the gateway over o.dir until ctx ends.
func serve(ctx context.Context, o options, ready func()) error {
	be, err := posix.New(o.dir, meta.XattrMeta{}, posix.PosixOpts{NewDirPerm: 0o755, Concurrency: 256, CopyObjectThreshold: 5 << 30})
	if err != nil {
		return err
	}
	if err := (meta.XattrMeta{}).Test(o.dir); err != nil {
		return fmt.Errorf("directory %q keeps no extended attributes: %w", o.dir, err)
	}
	root := auth.Account{Access: o.access, Secret: o.secret, Role: auth.RoleAdmin}
	return embedgw.RunVersityGW(ctx, be, &embedgw.Config{
		RootUserAccess: o.access, RootUserSecret: o.secret, Region: o.region,
		Ports: []string{o.addr}, CertFile: o.cert, KeyFile: o.key,
		MaxConnections: 4096, MaxRequests: 4096, MultipartMaxParts: 10000,
		Quiet: true, KeepAlive: true,
		IAMService: auth.NewIAMServiceSingle(root),
		S3Options:  []s3api.Option{s3api.WithOnListen(ready)},
	})
}

// obey carries out the lines of in, and returns when it ends.
func obey(ctx context.Context, c *client, in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		name, ok := strings.CutPrefix(lines.Text(), "bucket ")
		err := fmt.Errorf("unknown request %q", lines.Text())
		if ok {
			err = c.makeBucket(ctx, name)
		}
		if err != nil {
			_, _ = fmt.Fprintf(out, "error %q\n", err.Error()) // nobody hears it: the input ends, too
			continue
		}
		_, _ = fmt.Fprintln(out, lines.Text())
	}
}

// ended tells an asked-for end from a failure.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	if err == nil {
		return errors.New("the server ended by itself")
	}
	return err
}
