// Package engine says what ferry needs of something that runs a module: a container engine, later Apptainer, or plain
// processes. Implementations live in folders below, are listed in package engines, and pass the conformance suite
// enginetest. It knows nothing of jobs, stores or transfers.
//
// Every engine is an Engine. What only some can besides has an interface of its own in optional.go, with the one function
// that finds it. What an engine enforces of a job's limits it says in Info, and Check compares that with what a job asks.
package engine
