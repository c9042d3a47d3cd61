package node

// Labels of the containers that ferry makes. By them a later ferry finds the containers of a killed one.
const (
	LabelJob     = "ferry.job"
	LabelAttempt = "ferry.attempt"
	LabelOwner   = "ferry.owner" // the attempt's root, as a path on the engine's host: for people
	LabelID      = "ferry.id"    // random, and also in the lock's file and the attempt's root: by it a container is known to be ours
	LabelKeep    = "ferry.keep"  // set where the container is to stay after the job
)
