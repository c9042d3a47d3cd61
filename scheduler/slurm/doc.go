// Package slurm has what is particular to Slurm: how long it waits between telling a job to stop and killing it. It knows nothing
// of how a job is run.
package slurm
