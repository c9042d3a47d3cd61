// Package lab starts the real things that ferry talks to, for whoever needs them: tests, the demo, the smoke test and
// benchmarks. They are an S3 server, a Docker engine, a registry, module images, the transfer image and the built binary.
// Everything listens on 127.0.0.1, on a port that the system chose, and ends with the process that started it, in
// whatever way that ends.
//
// Installing packages and starting an engine are bound up with each other, and stay in scripts/. The lab calls those scripts,
// and repeats nothing of them. What fails on purpose is in internal/testenv, for tests alone. Nothing here is part of the
// ferry binary.
package lab
