// Package genepattern turns what a GenePattern server says into a job: its variables and arguments as settings, and the
// launcher for what older module images expect. The sync script that it writes is package syncscript's.
package genepattern
