// Package azure is Azure Blob Storage: a container is the bucket.
//
// It speaks the service's REST API by package wire. Microsoft's client libraries would add 7.4 MB to the binary; docs/dependencies.md
// has the figures. Requests, listings and blocks are here, and so is what signs them: keys, shared access signatures, and tokens of
// Microsoft Entra ID in the ways that Azure's own tools find them.
package azure
