// Package registrytest gives tests a real registry: Debian's docker-registry, which is distribution's, behind a front
// that can make it fail on purpose. Everything listens on 127.0.0.1 and ends with the test. Only tests import it.
package registrytest
