// Package stores lists the kinds of store. A new kind is its folder, and one line in All. The package finds the store that a
// URL names, checks URLs and settings before anything is sent, and opens each bucket once.
package stores
