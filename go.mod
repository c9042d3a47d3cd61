module github.com/genepattern/ferry

go 1.26.0
