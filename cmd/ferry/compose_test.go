package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// compose runs the services of a printed Compose file by Debian's docker-compose, and gives the code of stage-out.
func (r *relayRig) compose(name, file string) (out string, code int) {
	r.t.Helper()
	r.t.Cleanup(func() {
		if said, code := r.tool("docker-compose", "-p", name, "-f", file, "down", "--volumes", "--timeout", "1"); code != 0 {
			r.t.Error(said)
		}
	})
	return r.tool("docker-compose", "-p", name, "-f", file, "run", "--rm", "-T", "stage-out")
}

// Compose runs the printed file as `ferry run` runs the job: same results, same record, same codes.
func TestCompose(t *testing.T) {
	testenv.Require(t, has("docker-compose"), "docker-compose (apt-get install docker-compose)")
	for _, j := range relayJobs {
		t.Run(j.name, func(t *testing.T) {
			r := newRelayRig(t)
			j.options = append(slices.Clone(j.options), "--network", "none") // then Compose makes no network, of which engines have thirty
			r.whole(j, oneContainer)
			name := "ferry-test-" + strings.ToLower(r.server.Bucket) + "-" + j.name
			out, code := r.compose(name, r.definition("compose", name, r.lay(j, threeContainers), "--transfer-network", "host"))
			if code != j.code {
				t.Errorf("it ends with %d, not %d: %s", code, j.code, out)
			}
			r.same(oneContainer, threeContainers)
		})
	}
}
