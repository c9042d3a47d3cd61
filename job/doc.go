// Package job says what a job is. It has the description of a job, the table of its options, their validation, and where each
// path of the job is in the store. Flags, variables, job files and docs are made from that table.
//
// The package is a leaf: it reads and writes nothing outside of itself. Of engines and stores it knows only the names in a
// Vocabulary.
package job
