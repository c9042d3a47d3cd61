// Package record is run.json, and the names of the other files that ferry writes into a job's metadata dir. A Record is
// what readers get. A Keeper is the record being made: it begins with the worst and is brought up to date stage by stage.
package record
