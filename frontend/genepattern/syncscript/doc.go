// Package syncscript runs the script by which a GenePattern server says what to stage in. It needs neither a shell nor the AWS
// CLI: it knows the few commands that such a script uses, and refuses all others. It writes below the attempt's root only.
// Package sync makes the transfers.
package syncscript
