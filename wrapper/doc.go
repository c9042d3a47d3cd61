// Package wrapper runs one job on a node. It stages the job's files in, runs its module in a container, records what happened,
// and stages the results out. Run lists the stages in their order. Each stage takes what it needs and returns what it made.
//
// Four words have one meaning each. A site is an attempt's directory tree on the node, with its lock and its logs. A module is
// the container that the job's module runs in. An outbox is what goes from the attempt to the store. An ending is the list of
// steps that follow, whatever became of the stages.
//
// The package reads no flags and no environment: its caller hands over a job and the Deps to run it with. Package sync moves
// files, package engine runs containers, and package node has what the jobs of one node share.
package wrapper
