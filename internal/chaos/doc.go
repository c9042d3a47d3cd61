// Package chaos has only tests: the matrix of faults of docs/failures.md, which it also writes. Each row runs the real
// binary, in its transfer image unless the row is about the engine below it, against a real S3 server behind a proxy that
// fails on purpose and a real engine, and says what became of the job and what is left in the engine, on disk and in the
// store.
//
// `make chaos` runs them all, `make test` those marked quick.
package chaos
