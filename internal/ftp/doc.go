// Package ftp fetches a file, or the names in a directory, by FTP (RFC 959, RFC 2428), at whose URLs public data sets are still found. It speaks passive mode only,
// and fetches data from the server's own address, wherever the server says it is. It leaves to its caller which addresses may be
// connected to, where the content goes, and whether to try again.
package ftp
