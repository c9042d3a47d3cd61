# `make help` lists the targets.
GO ?= go
IMAGE ?= ferry:dev
INPUT ?=
PKG ?=
LDFLAGS = -s -w -X main.version=$(shell scripts/version.sh)

.DEFAULT_GOAL := help
.PHONY: help build image demo test check bench bench-run clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

build: ## build bin/ferry, a static binary
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)' -o bin/ferry ./cmd/ferry

image: build ## build the transfer image; IMAGE=name, default ferry:dev
	scripts/image.sh '$(IMAGE)' bin/ferry

demo: ## run a real module from S3 to S3; INPUT=file.gct for your own data
	@scripts/demo.sh $(if $(INPUT),'$(INPUT)')

test: ## run all checks and tests, setting up what they need; PKG=./sync/... for some
	@scripts/test.sh $(PKG)

check: test ## the same: exactly what CI runs

bench: bench-run ## run the benchmarks

bench-run: ## ferry run against a plain docker run of the same job
	@scripts/bench-run.sh

clean: ## remove what was built here
	rm -rf bin
