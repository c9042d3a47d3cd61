// Package arch draws the house: which room of the repository may know of which, how large a thing may be, and the habits
// that no compiler checks. Its test fails where the house is left, and names the file that does it.
//
// house.go has the drawing, as data. Each other file is one rule: a function from the source text to findings. The rules
// read syntax only and build nothing, so they also see files of other systems. testdata has for each rule a tree that must
// be found fault with, and one that must not.
package arch
