// Package submit is the caller's half of ferry: it sends a job's directories to the store, hands the job to a scheduler, and
// afterwards tells how far it is, shows its output, fetches its results and ends it.
//
// What it knows of a job is in job.json, in the job's record, and in what the scheduler says. It keeps nothing else, so every
// machine with access to the store can do all of it. Package scheduler has what a scheduler is, and package handle has job.json.
package submit
