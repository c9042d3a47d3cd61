// Package local is the scheduler that is this machine: a task is a process of its own, which outlives the ferry that submitted it.
//
// What there is to know of a task is in a directory of its own, the spool. Its process holds the lock of the spool from its first
// moment to its last, so a task whose lock is free has ended, whatever ended it. There is no daemon.
package local
