package testenv

import (
	"os"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
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
func Root() string { return lab.Root() }

// Environ is the process's environment without anything that AWS SDKs or ferry read, and with extra: what a child
// process of a test should get.
func Environ(extra ...string) []string { return lab.Environ(extra...) }

// CleanAWS clears the AWS_, FERRY_ and GP_ variables of this process until the test ends, so that it does not read the
// machine. The test cannot be parallel.
func CleanAWS(t testing.TB) {
	t.Helper()
	for _, kv := range os.Environ() {
		if lab.Foreign(kv) {
			name, _, _ := strings.Cut(kv, "=")
			t.Setenv(name, "") // which puts it back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kv := range lab.NoAWSFiles() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}
