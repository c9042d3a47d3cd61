// Package cause says in one word why something ended as it did. It has the causes, the table of exit codes, and Of and
// Name, which turn any error into one of them. Every command uses it, so that `ferry sync` and `ferry run` say the same of
// the same trouble.
//
// It is a leaf: it knows no store and no engine. They bring their own words. An error that knows its cause has a method
// Cause, one that knows what the reader can do has a method Hint, and Name finds both anywhere in the chain.
package cause
