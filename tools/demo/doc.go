// Command demo shows what ferry does, end to end: demo [batch] [FILE.gct].
//
// Without batch it packs the module of testdata/demo as a zip, as GenePattern's servers exchange them, and runs it on a file of this
// machine, with no server and no store. With batch a job is put in S3, the transfer image runs it as AWS Batch would start it, and its
// results are fetched from S3. Either way the results are compared with those of the same analysis without ferry. Everything is on this
// machine. Nothing is left behind but the Docker engine, if there was none, and the images. `make demo` and `make demo-batch` run it.
//
// With batch, REMOTE_ENGINE=tcp://HOST:2376 (with REMOTE_CERTS, an absolute path of a folder with ca.pem, cert.pem and key.pem) or
// ssh://USER@HOST has the module's container on that engine instead, which cannot mount anything of this machine: ferry
// runs here, and copies.
package main
