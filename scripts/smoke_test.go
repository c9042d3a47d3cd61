package scripts

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// The smoke test passes with the S3 server of the tests, which stands for any emulator.
func TestSmoke(t *testing.T) {
	s := testenv.S3(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(testenv.Root(), "scripts", "smoke.sh"), s.Endpoint, testenv.TransferImage(t))
	cmd.Env = testenv.Environ(append(s.Env(), "DOCKER_HOST="+testenv.Docker(t), "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
