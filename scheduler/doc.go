// Package scheduler says what a scheduler is: what a job can be submitted to, and what is asked of it afterwards.
//
// A scheduler starts ferry on a node and tells what became of that process. It does not know what a job is: a Task has the URL
// where ferry finds the job's description. What became of the job is in the job's record, and package submit joins the two. Each
// scheduler is a folder below this one, with what no other scheduler has: the names of its variables, its documents, its client.
// Package schedulers lists them.
package scheduler
