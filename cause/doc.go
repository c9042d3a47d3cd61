// Package cause says in one word why something ended as it did. It has the causes, the table of their exit codes, and the
// functions Of and Name, which find the cause of any error. Every command uses them, so `ferry sync` and `ferry run` give the
// same failure the same name.
//
// The package is a leaf: it knows no store and no engine. Their errors bring what they know. An error that knows its cause
// has a method Cause. An error that knows what the reader can do has a method Hint. Name finds both anywhere in the chain.
package cause
