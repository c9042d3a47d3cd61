// Package scheduler is the room of what a job can be submitted to. Each scheduler is a folder below it.
//
// A scheduler starts ferry on a node and says what became of it. It knows nothing of a job's life there: what ferry does on
// the node is package wrapper's, and a description turned into a job is package job's. What stands here of a scheduler is
// what only that scheduler has: the names of its variables, its definitions, its warnings.
package scheduler
