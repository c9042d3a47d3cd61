// Package arch checks the structure of the repository: which package may import which, how large a type may be, and the habits
// that no compiler checks. Its test names the file that breaks a rule.
//
// The layers are data, in house.go. Each other file is one rule: a function from source text to findings. The rules read
// syntax only and build nothing, so they also see files for other systems. For each rule, testdata has one tree with findings
// and one without.
package arch
