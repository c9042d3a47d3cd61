// Package wrapper is a job's life on a node: it prepares a place for it, stages its files in, runs its module in a
// container, records what happened and stages the results out. Run says the stages in their order; each takes what it needs
// and returns what it made: a site, a module, an outbox.
//
// It reads no flags and no environment; cmd does, and hands over a job and the Deps to run it with. How bytes move is
// package sync's affair, how containers run package engine's, what the jobs of a node share package node's.
package wrapper
