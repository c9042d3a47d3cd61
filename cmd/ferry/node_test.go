package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// What an instance's metadata service says of the node is in the record and in the status. A service that is silent is not waited for:
// it stays silent until the job has ended.
func TestNodeInRecord(t *testing.T) {
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	words := map[string]string{"api/token": "token", "meta-data/instance-type": "m7i.large", "meta-data/placement/availability-zone": "us-east-1a", "meta-data/instance-life-cycle": "spot"}
	for name, want := range map[string]string{"says": `"node":{"instance_type":"m7i.large","zone":"us-east-1a","purchase":"spot"}`, "silent": ""} {
		done := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if want == "" {
				<-done
			}
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, words[strings.TrimPrefix(r.URL.Path, "/latest/")])
		}))
		dir := t.TempDir()
		s := submitter{t: t, dir: dir, env: testenv.Environ("XDG_STATE_HOME="+filepath.Join(dir, "state"), "DOCKER_HOST="+host,
			"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+srv.URL)}
		out, errs, code := s.run("submit", "--json", "--image", image, "--workdir", "w", "--", "sleep", "1")
		close(done)
		srv.Close()
		if code != 0 || !strings.Contains(out, want) || want == "" && strings.Contains(out, `"node"`) {
			t.Errorf("%s: code %d, %q, %q", name, code, out, errs)
		}
	}
}
