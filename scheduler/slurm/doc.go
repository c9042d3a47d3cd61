// Package slurm is the scheduler Slurm, by its own commands: sbatch, scontrol, squeue, sacct, sinfo and scancel. It also has what ferry
// on a node has to know of Slurm: how long Slurm waits between telling a job to stop and killing it. It knows nothing of how a job
// is run.
//
// What became of a job is in scontrol for some minutes after its end, and then only in accounting, where a cluster has that. Where
// neither knows the job, its record tells.
package slurm
