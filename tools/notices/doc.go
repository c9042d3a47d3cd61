// Command notices writes the licences of what is linked into ferry. `make notices` runs it at the root of the repository;
// its test fails where THIRD_PARTY_NOTICES is not what it would write.
//
// What is linked is asked of the go command, for the platform of the transfer image. A licence is a file of a certain name
// in a module's root or in the folder of a linked package. One that ferry may not be given away with, or that is not known,
// is an error.
package main
