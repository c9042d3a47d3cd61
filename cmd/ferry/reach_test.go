package main

import (
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// TestDoctorNetwork has the doctor ask about a service at a link-local address: a module on the bridge reaches it, one on ferry's network
// does not.
func TestDoctorNetwork(t *testing.T) {
	testEngine(t)
	address := testenv.LinkLocal(t)
	for network, reached := range map[string]bool{"bridge": true, "ferry": false, "none": false} {
		stdout, stderr, code := ferry(t, nil, "doctor", "--local-prefix", t.TempDir(), "--network", network, "--service", address)
		line := ""
		for l := range strings.Lines(stdout) {
			if f := strings.Fields(l); len(f) > 1 && f[1] == "network" {
				line = l
			}
		}
		if strings.HasPrefix(line, "FAIL") != reached || !strings.Contains(line, address) || (code != 0) != reached || reached && !strings.Contains(stdout, "hop limit") {
			t.Errorf("on %s: %d\n%s%s", network, code, stdout, stderr)
		}
	}
	e := testEngine(t)
	if found, err := e.List(t.Context(), map[string]string{"ferry.probe": ""}); err != nil {
		t.Error(err)
	} else {
		for _, f := range found {
			if f.Running {
				t.Errorf("a prober is left: %+v", f)
			}
		}
	}
}
