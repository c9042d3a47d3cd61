// Package batch has what is particular to AWS Batch: the variables that identify a job, the job definition with the IAM policy
// of its role, and the notice by which EC2 takes a spot instance back.
//
// What a job is, and how it stops, is left to others. A variable's value is returned as text with the variable's name, and a
// notice as a time.
package batch
