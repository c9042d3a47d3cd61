// Package genepattern is the contract with a GenePattern server that runs its jobs on AWS Batch: what its variables and
// arguments mean as a job, the sync script it writes, and the launcher for what older module images expect. It knows
// nothing of containers; the transfers are package sync's.
package genepattern
