// Package gcs is Google Cloud Storage as a store. It speaks the service's HTTP interfaces by itself, with credentials that Google's own
// library finds: an object is read by the XML API, whose answer brings metadata and checksum, and all else goes by the JSON API.
//
// An object's tag is its generation. What is written is declared with its CRC32C, and what is read is verified by the one that the
// service keeps, which composite objects have as well.
package gcs
