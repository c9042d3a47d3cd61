// Package checksum computes and combines the checksums that stores keep of objects.
package checksum
