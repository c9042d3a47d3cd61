// Package module turns a GenePattern module, a zip or a directory with a manifest, into what runs it without a server: an argument
// list, an image, limits and the files that go in. It reads manifests, checks parameters, and makes the command line as the server
// makes it. It refuses what can only run in a server.
//
// The package reads modules, and files of values and of test cases. It starts nothing and fetches nothing: its caller gives it a
// Staging, which says where each input file will be, and runs the Plan.
package module
