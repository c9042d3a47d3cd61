// Package testenv gives tests the real things ferry talks to: an S3 server, a Docker engine, module images, the built
// binary, and a proxy that makes a server fail on purpose. Everything listens on 127.0.0.1, is started when first asked
// for and ends with the test binary. Only tests import it.
package testenv

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// inCI says whether a missing requirement is a failure. The test command sets CI=true after setting everything up.
func inCI() bool {
	v := os.Getenv("CI")
	return v != "" && v != "false" && v != "0"
}

// Require ends the test where ok is false: it fails in CI, where nothing may be missing, and is skipped elsewhere. why
// says what is missing and how to get it.
func Require(t testing.TB, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case inCI():
		t.Fatalf("missing requirement: %s", why)
	default:
		t.Skipf("missing requirement: %s", why)
	}
}

// Root is the repository's top directory.
func Root() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) { // -trimpath leaves no absolute path: walk up from the package under test
		dir, err := os.Getwd()
		for err == nil && dir != "/" {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return dir
			}
			dir = filepath.Dir(dir)
		}
		panic("testenv: the repository's top directory cannot be found")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// foreign are the prefixes of variables that would let the machine's own settings into a test.
var foreign = []string{"AWS_", "FERRY_", "GP_"}

// Environ is the process's environment without anything that AWS SDKs or ferry read, and with extra: what a child
// process of a test should get.
func Environ(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !isForeign(kv) {
			env = append(env, kv)
		}
	}
	return append(append(env, noAWSFiles...), extra...)
}

// noAWSFiles keeps SDKs from the files and the metadata service of the machine.
var noAWSFiles = []string{
	"AWS_CONFIG_FILE=/nonexistent/config",
	"AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials",
	"AWS_EC2_METADATA_DISABLED=true",
}

func isForeign(kv string) bool {
	for _, p := range foreign {
		if strings.HasPrefix(kv, p) {
			return true
		}
	}
	return false
}

// CleanAWS clears the AWS_, FERRY_ and GP_ variables of this process until the test ends, so that it does not read the
// machine. The test cannot be parallel.
func CleanAWS(t testing.TB) {
	t.Helper()
	for _, kv := range os.Environ() {
		if isForeign(kv) {
			name, _, _ := strings.Cut(kv, "=")
			t.Setenv(name, "") // which puts it back at the end
			os.Unsetenv(name)
		}
	}
	for _, kv := range noAWSFiles {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}
