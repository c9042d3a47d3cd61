package wrapper

import (
	"os"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

func TestHostPath(t *testing.T) {
	self := engine.Self{Mounts: []engine.SelfMount{
		{Source: "/var/run/docker.sock", Destination: "/var/run/docker.sock"},
		{Source: "/data", Destination: "/"},
		{Source: "/mnt/jobs", Destination: "/local"},
		{Source: "/ro", Destination: "/readonly", ReadOnly: true},
	}}
	for p, want := range map[string]string{"/local": "/mnt/jobs", "/local/x": "/mnt/jobs/x", "/localother": "/data/localother"} {
		if got, err := HostPath(self, p); err != nil || got != want {
			t.Errorf("HostPath(%q) = %q, %v; want %q", p, got, err, want)
		}
	}
	self.Mounts = self.Mounts[3:]
	for _, p := range []string{"/local", "/readonly/x"} {
		if _, err := HostPath(self, p); cause.Of(err) != cause.Usage || cause.HintOf(err) == "" || !strings.Contains(err.Error(), p) {
			t.Errorf("HostPath(%q): %v", p, err)
		}
	}
}

func TestLogFileNeverFailsItsWriter(t *testing.T) {
	f, err := os.Open(os.DevNull) // not writable
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := &logFile{f: f}
	if n, err := l.Write([]byte("abc")); n != 3 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if l.failed() == nil {
		t.Error("the error is not remembered")
	}
}

func TestCutURL(t *testing.T) {
	for url, want := range map[string][2]string{
		"s3://b":          {"s3://b", ""},
		"s3://b/":         {"s3://b", ""},
		"s3://b/x":        {"s3://b", "x"},
		"s3://b/p q/x.y/": {"s3://b/p q", "x.y"},
		"file:///x":       {"file:///", "x"},
		"file:///d/x":     {"file:///d", "x"},
	} {
		if parent, name := cutURL(url); parent != want[0] || name != want[1] {
			t.Errorf("cutURL(%q) = %q, %q", url, parent, name)
		}
	}
}

// A module's own code never asks for another attempt; ferry's does.
func TestProcessCode(t *testing.T) {
	for _, c := range []struct {
		out  Outcome
		want int
	}{
		{Outcome{}, 0},
		{Outcome{Code: 3}, 3},
		{Outcome{Code: 75}, OwnCode},
		{Outcome{Code: 69}, OwnCode},
		{Outcome{Code: 75, Cause: cause.Disk}, OwnCode},
		{Outcome{Code: 75, Cause: cause.OOM}, OwnCode},
		{outcomeOf(cause.Fail(cause.Interrupted, "", "x")), 75},
		{outcomeOf(cause.Fail(cause.Engine, "", "x")), 69},
		{outcomeOf(cause.Fail(cause.StageOut, "", "x")), 73},
	} {
		if got := c.out.ProcessCode(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.out, got, c.want)
		}
	}
}
