// Package stores is the registry of stores: adding one is its folder and one line in All. It finds the store that a URL
// names, checks what was asked for before anything is touched, and opens each bucket once.
package stores
