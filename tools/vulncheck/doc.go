// Vulncheck looks for known vulnerabilities in what ferry is built of, by govulncheck. Its database is on the network, and cannot be
// reached everywhere: then nothing was looked at, which has an exit code of its own.
package main
