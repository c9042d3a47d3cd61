module github.com/genepattern/ferry

go 1.26.0

require (
	github.com/distribution/reference v0.6.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	mvdan.cc/sh/v3 v3.14.1 // indirect
)
