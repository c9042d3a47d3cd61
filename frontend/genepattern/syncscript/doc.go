// Package syncscript runs the script by which a GenePattern server says what to stage in, without a shell and without the
// AWS CLI: it knows the few commands that such a script uses, and refuses every other. What it writes stays in the attempt's
// root; the transfers are package sync's.
package syncscript
