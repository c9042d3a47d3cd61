// Package scheduler is the parent of the schedulers that a job can be submitted to. Each is a folder below it.
//
// A scheduler starts ferry on a node and reports what became of it. Its folder has what no other scheduler has: the names of
// its variables, its job definitions, its warnings. What ferry does on the node is package wrapper's. Turning a description
// into a job is package job's.
package scheduler
