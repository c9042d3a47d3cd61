// Package node is what the jobs of one node share below their local prefix: who holds which job (locks), what killed ferries
// left (orphans, found by locks and by labels), records that could not be sent yet, and the disk.
package node
