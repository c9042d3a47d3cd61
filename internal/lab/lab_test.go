package lab

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A bucket is there while its server is, and what was asked to be kept is kept.
func TestS3StartsAndStops(t *testing.T) {
	for _, tls := range []bool{false, true} {
		dir := t.TempDir()
		s, err := StartS3(S3Options{Dir: dir, TLS: tls})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop() // twice is fine
		b, err := s.Bucket("some")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.Bucket("some"); err != nil || again.Dir != b.Dir {
			t.Errorf("a bucket that is there: %v, %v", again, err)
		}
		if _, err := s.Bucket("No Bucket's Name"); err == nil {
			t.Error("any name will do for a bucket")
		}
		s.Stop()
		if _, err := http.Get(b.Endpoint); err == nil {
			t.Errorf("something answers at %s, though the server was stopped", b.Endpoint)
		}
		if b.Dir != filepath.Join(dir, "some") || tls != (b.CAFile != "") || tls != strings.HasPrefix(b.Endpoint, "https:") {
			t.Errorf("the bucket is %+v", b)
		}
		if _, err := os.Stat(b.Dir); err != nil {
			t.Error(err)
		}
		if _, err := s.Bucket("late"); err == nil {
			t.Error("a stopped server makes buckets")
		}
	}
}

func TestS3SaysWhyItDoesNotStart(t *testing.T) {
	_, err := StartS3(S3Options{Dir: "/nonexistent"})
	if err == nil || !strings.Contains(err.Error(), "s3server:") {
		t.Errorf("it says %v", err)
	}
}

// A program that ends with an error says what it printed.
func TestOutput(t *testing.T) {
	if out, err := Output(Command(t.Context(), []string{"WORD=hello"}, "sh", "-c", `echo $WORD`)); out != "hello" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := Output(Command(t.Context(), nil, "sh", "-c", "echo sorry >&2; exit 3")); err == nil || !strings.Contains(err.Error(), "sorry") {
		t.Errorf("got %v", err)
	}
}

func TestEngineElsewhereHasNoSocket(t *testing.T) {
	e, err := newEngine("tcp://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Socket(); err == nil || !strings.Contains(err.Error(), e.Host) {
		t.Errorf("got %v", err)
	}
	if _, err := newEngine("ssh://somebody@somewhere"); err == nil {
		t.Error("the lab speaks ssh")
	}
}
