// Package visible writes out what a terminal would obey, or a reader could not see. It leaves to its caller which text is foreign, and
// whether line ends count.
package visible
