package node

// Labels of the containers that ferry makes, by which a later ferry finds those of a killed one.
const (
	LabelJob     = "ferry.job"
	LabelAttempt = "ferry.attempt"
	LabelOwner   = "ferry.owner" // what the engine's host calls the attempt's root
	LabelKeep    = "ferry.keep"  // set where the container is to stay after the job
)
