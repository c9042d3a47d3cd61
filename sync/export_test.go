package sync

// The tests move megabytes where people move gigabytes.
func init() { bigSize, pieceSize = 2<<20, 1<<20 }
