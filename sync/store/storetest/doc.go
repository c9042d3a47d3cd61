// Package storetest is the conformance suite that every store passes. A store's own tests run a Suite.
package storetest
