// Package ecr asks Amazon's container registry for logins, and makes repositories there. It leaves the names of images to
// package commit, and pushing them to the engine.
package ecr
