// Package ecr speaks to Amazon's container registry: it makes logins and repositories there. Names of images are
// package commit's affair.
package ecr
