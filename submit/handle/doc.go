// Package handle is job.json, the file by which any machine finds a job again, and the short names that the submitting machine
// keeps for it.
//
// A handle is the URL of a job's metadata dir. job.json is in that directory. It says what was asked, to which scheduler it was
// given, and how that scheduler calls it. Ferry on the node makes its job of it, so a scheduler carries one URL and nothing else.
package handle
