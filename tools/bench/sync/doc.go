// Command sync compares `ferry sync` with the peers found on the machine, aws, rclone and s5cmd: the same data, the
// same S3 server, one run, the tools taking turns. It prints a table of medians, the ratio to the best peer first.
//
// `make bench-sync` runs it, with these options in ARGS. It needs about four times the size of the largest row in -dir,
// which is best on a tmpfs where that fits into memory (the mixed row is of 12 GB, see -scale), and nothing but the
// loopback interface. The whole table takes some four hours, most of them the mixed rows, which need a disk: -dir /dev/shm
// -rows small,large (an hour), then -dir DISK -rows mixed (an hour for each of -modes).
//
// rclone is built from its module where it is not installed: go install github.com/rclone/rclone@v1.76.0
// s5cmd is github.com/peak/s5cmd/v2@v2.3.0.
//
// -minio BINARY measures with MinIO as the server, which has other habits than the lab's: go install github.com/minio/minio@latest. It is
// no part of `make test`. The row outage takes the server away for 20 s in the middle of a transfer.
package main
