// Package engine says what ferry needs of something that runs a module, such as a container engine or plain processes. The
// implementations are the folders below. Package engines lists them, and each passes the conformance suite enginetest. The
// package knows nothing of jobs, stores or transfers.
//
// Every implementation is an Engine. What only some can do has an interface of its own in optional.go, and one function that
// finds it. Info says which limits an engine enforces, and Check compares that with what a job asks for.
package engine
