// Package awsconfig reads the machine's AWS configuration, as every SDK of AWS does: from variables, from files, and from the
// role of the container or the instance. It also knows the region that the container or the instance is in, which no SDK follows
// by itself.
package awsconfig
