// Package record is run.json, and the names of the other files that ferry writes into a job's metadata dir.
//
// A Record is what readers get. A Keeper is the record in the making: it begins with "internal error", and each stage brings it
// up to date. When the file is sent is package wrapper's affair.
package record
