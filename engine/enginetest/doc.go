// Package enginetest is the conformance suite of engine.Engine: what every engine must do in the same way, whatever runs
// underneath, and that it enforces what its Info says it does. An engine's own tests call Run with a Harness.
package enginetest
