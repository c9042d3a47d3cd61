// Package job says what a job is: the description, the table of options that flags, variables, job file and docs are made
// from, what of it is sound, and where a path of the job lies in the store. It is a leaf: it touches nothing, and knows of
// engines and stores only the names that a Vocabulary gives it.
package job
