// Package registrytest gives tests a real registry: Debian's docker-registry, behind a proxy that can make it fail on purpose.
// Everything listens on 127.0.0.1 and ends with the test. Only tests import the package.
package registrytest
