// Package rounds measures ways to do the same work against each other: they take turns, and a table has their medians, the
// ratio first.
package rounds
