// Command gcsserver is an emulator of Google Cloud Storage on the loopback interface for tests and benchmarks: fake-gcs-server, in memory or
// over a directory. It lives in a Go module of its own so that nothing of it reaches ferry's dependencies.
//
// When it answers, it prints one line to standard output, "listening http://127.0.0.1:PORT". A line "bucket NAME" on its standard input makes a
// bucket, and is answered by the same line. It ends when its standard input does: whoever starts it holds the other end of a pipe, and when that
// process goes away, in whatever manner, the server follows it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	dir := flag.String("dir", "", "keep objects in `DIR` (default: in memory)")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gcsserver:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// The server tells paths of the XML API by the host that they are asked at. Behind a proxy that is the proxy's, so each request is given
	// this one; what the server's answers say of its address is the host that was asked.
	s, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, StorageRoot: dir, PublicHost: publicHost})
	if err != nil {
		return err
	}
	handler := s.HTTPHandler()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // ends with the process
			if r.URL.Path != "" && !strings.HasPrefix(r.URL.Path, "/storage/") && !strings.HasPrefix(r.URL.Path, "/upload/") {
				r.Host = publicHost
			}
			handler.ServeHTTP(w, r)
		}))
	}()
	if _, err := fmt.Printf("listening http://%s\n", l.Addr()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		name, ok := strings.CutPrefix(lines.Text(), "bucket ")
		if !ok {
			fmt.Printf("error unknown request %q\n", lines.Text())
			continue
		}
		s.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: name})
		fmt.Println(lines.Text())
	}
	return nil
}

const publicHost = "storage.googleapis.com"
