// Package remotetest makes the tests' Docker engine look remote. It puts the engine behind a real SSH server, or behind TLS
// that asks for a client certificate. Everything listens on 127.0.0.1 and ends with the test. Only tests import the package.
package remotetest
