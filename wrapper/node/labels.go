package node

// Labels of the containers that ferry makes. By them a later ferry finds the containers of a killed one.
const (
	LabelJob     = "ferry.job"
	LabelAttempt = "ferry.attempt"
	LabelOwner   = "ferry.owner" // the attempt's root, as a path on the engine's host
	LabelKeep    = "ferry.keep"  // set where the container is to stay after the job
)
