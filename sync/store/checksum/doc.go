// Package checksum computes the checksums that stores keep of objects, and combines the checksums of an object's parts.
package checksum
