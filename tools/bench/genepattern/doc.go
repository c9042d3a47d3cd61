// Command genepattern measures what ferry adds to a job of a GenePattern server: 3 MB of tasklib, 1.5 MB of input, the module
// image present. The same exec.sh by `docker run` on local files, and by the transfer image as AWS Batch starts it, with
// the job in S3 on loopback, its uploads included. Rounds are interleaved; the first of each is not counted. ROUNDS=9
// rounds, INPUT=FILE another input, BEFORE=PATH an older ferry binary to measure as well. `make bench-genepattern` runs it.
package main
