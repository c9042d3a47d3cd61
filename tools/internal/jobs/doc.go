// Package jobs lays out jobs as their callers do, for the demo, the smoke test and benchmarks: the demo's own, which `ferry
// run` is told of by flags, and a GenePattern server's.
package jobs
