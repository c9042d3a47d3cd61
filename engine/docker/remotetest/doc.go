// Package remotetest makes the tests' Docker engine look remote: behind a real SSH server, and behind TLS that asks for
// the client's certificate. Everything listens on 127.0.0.1 and ends with the test. Only tests import it.
package remotetest
