// Package enginetest is the conformance suite of engine.Engine. It tests what every engine must do in the same way, and that
// an engine enforces what its Info says. An engine's own tests call Run with a Harness.
package enginetest
