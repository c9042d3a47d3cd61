// Package registry finds the logins for image registries. Nothing of it is written to disk or kept longer than asked:
// each login is looked up right before it is used.
package registry
