// Command demo shows what ferry does, end to end: demo [batch] [FILE.gct].
//
// It packs the module of testdata/demo as a zip, as GenePattern's servers exchange them. Without batch it runs that on a file of this
// machine, with no server and no store. With batch it runs it as a job of AWS Batch, of which an emulator (moto) is started here: the
// files go to the emulator's S3, its Batch starts the transfer image, and the results come back. Either way the results are compared with
// those of the same analysis without ferry. Everything is on this machine. Nothing is left behind but the Docker engine, if there was
// none, the images, and the emulator's program in bin. `make demo` and `make demo-batch` run it.
//
// REMOTE_ENGINE=tcp://HOST:2376 (with REMOTE_CERTS, an absolute path of a folder with ca.pem, cert.pem and key.pem) or
// ssh://USER@HOST has the module's container on that engine instead, which cannot mount anything of this machine: a job is put in S3,
// ferry runs here, and copies.
package main
