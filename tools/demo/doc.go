// Command demo is the main job, end to end: demo [FILE.gct]. A job is put in S3, the transfer image runs it, and its
// results are fetched from S3 and compared with those of the same analysis without ferry. Everything is on this machine.
// Nothing is left behind but the Docker engine, if there was none, and the images. `make demo` runs it.
//
// REMOTE_ENGINE=tcp://HOST:2376 (with REMOTE_CERTS, an absolute path of a folder with ca.pem, cert.pem and key.pem) or
// ssh://USER@HOST has the module's container on that engine instead, which cannot mount anything of this machine: ferry
// runs here, and copies.
package main
