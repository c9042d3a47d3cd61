// Package apptainer runs modules with Apptainer: no daemon, no root. A module is a process of ferry's own user in namespaces of its
// own. It needs Linux and Apptainer 1.1 or later.
//
// A container has a directory below Config.Dir, with its record, what the module writes outside of mounts, and its temporary files.
// By these records another ferry finds containers that a killed one left. Images are SIF files in a cache that a group may share, see
// cache.go, or directories.
package apptainer
