// Command siege moves a tree of mixed files up, down and within S3 with ferry, while the server that holds them is killed, stopped and
// started again at random moments, and sometimes ferry is killed, too. Afterwards everything must be there byte by byte and the exit code 0, or
// an error names what is not, and the next sync brings it. Nothing may be lost on this side, and no part of a file may stay.
//
//	make siege ARGS='-tries 20 -seed 7'
//	make siege ARGS='-minio $(HOME)/go/bin/minio'
//
// The server is the lab's, versitygw, or the MinIO that -minio names. All chance comes from -seed, which is printed; the moments at which
// processes run do not. -dir is best on a tmpfs. A try takes some seconds.
package main
