// Package batch is what AWS Batch alone has: the identity that it gives a job in variables, the job definition and the IAM
// policy that it has to be told, and the notice by which EC2 takes a spot instance back.
//
// It leaves to others what a job is and how it stops: values go out as text with the name of the variable that had them,
// and a notice as a time.
package batch
