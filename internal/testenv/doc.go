// Package testenv is the lab for tests: what internal/lab starts, and a proxy that makes a server fail on purpose. What a test
// asks for is there, or the test ends. Everything listens on 127.0.0.1, is started when first asked for and ends with the
// test binary. Only tests import it.
package testenv
