package lab

import (
	"os"
	"slices"
	"strings"
)

// foreign are the prefixes of variables that would let the machine's own settings in.
var foreign = []string{"AWS_", "AZURE_", "FERRY_", "GP_", "IDENTITY_"}

// noAWSFiles keeps SDKs from the files and the metadata service of the machine.
var noAWSFiles = []string{
	"AWS_CONFIG_FILE=/nonexistent/config",
	"AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials",
	"AWS_EC2_METADATA_DISABLED=true",
}

// Environ is the process's environment without anything that AWS SDKs or ferry read, and with extra: what a child
// process should get.
func Environ(extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), Foreign)
	return append(append(env, NoAWSFiles()...), extra...)
}

// Foreign says whether a variable, as NAME=VALUE, is one that AWS SDKs or ferry read.
func Foreign(kv string) bool {
	return slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(kv, p) })
}

// NoAWSFiles are the variables, as NAME=VALUE, that keep AWS SDKs from reading the machine.
func NoAWSFiles() []string { return slices.Clone(noAWSFiles) }
