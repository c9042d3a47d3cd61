// Package genepattern turns what a GenePattern server says into the settings of a job. The server says it in variables and
// arguments. The package also has the launcher that older module images expect. It leaves the server's sync script to package
// syncscript, and the meaning of settings to package job.
package genepattern
