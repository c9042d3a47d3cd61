// Command ferry carries a module's data from object storage to its container and back. This package is the only one that
// reads flags and the environment.
package main
