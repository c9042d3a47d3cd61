# `make help` lists the targets.
GO ?= go
IMAGE ?= ferry:dev
INPUT ?=
PKG ?=
LDFLAGS = -s -w -X main.version=$(shell scripts/version.sh)

.DEFAULT_GOAL := help
.PHONY: help build image demo demo-batch test check lint govulncheck notices chaos bench bench-run bench-genepattern bench-sync bench-submit bench-freeze siege smoke fresh clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

build: ## build bin/ferry, a static binary
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)' -o bin/ferry ./cmd/ferry

image: build ## build the transfer image; IMAGE=name, default ferry:dev
	@scripts/tool.sh image '$(IMAGE)' bin/ferry

demo: ## run a GenePattern module on a file of yours, with no server; INPUT=file.gct for your own data
	@scripts/tool.sh demo $(if $(INPUT),'$(INPUT)')

demo-batch: ## run the same module as a job of AWS Batch, of which it starts an emulator; INPUT=file.gct for your own data
	@scripts/tool.sh demo batch $(if $(INPUT),'$(INPUT)')

test: ## run all checks and tests, setting up what they need; PKG=./sync/... for some
	@scripts/test.sh $(PKG)

lint: ## run staticcheck, errcheck, ineffassign and misspell over everything
	@scripts/lint.sh

govulncheck: ## look for known vulnerabilities; 69 where their database cannot be reached
	@scripts/tool.sh vulncheck

notices: ## write THIRD_PARTY_NOTICES, the licences of what is linked in
	@$(GO) run ./tools/notices

chaos: ## run the whole matrix of faults and write docs/failures.md; ROWS='words' for some
	@scripts/chaos.sh $(if $(ROWS),'$(ROWS)')

check: test ## the same: exactly what CI runs

bench: bench-run bench-genepattern bench-freeze bench-sync ## run the benchmarks

bench-run: ## ferry run against a plain docker run of the same job
	@scripts/tool.sh bench/run

bench-genepattern: ## a GenePattern server's job in the transfer image against a plain docker run
	@scripts/tool.sh bench/genepattern

# It needs 20 GB of disk and six minutes; a machine that does nothing else gives steady numbers.
bench-freeze: ## freezing and copy staging against docker commit and docker cp
	@$(GO) test ./commit -run '^$$' -bench Reach -benchtime 1x -timeout 30m

bench-submit: ## ferry submit on this machine against docker run, and an array against xargs -P; CHILDREN=1000
	@scripts/tool.sh bench/submit

bench-sync: ## ferry sync against aws s3 sync, rclone and s5cmd, as far as they are here; STORE=gs for another cloud; ARGS=... for its options
	@STORE='$(or $(STORE),s3)' scripts/tool.sh bench/sync $(ARGS)

siege: ## transfers while the S3 server is killed, stopped and started again; ARGS=... for its options
	@scripts/tool.sh siege $(ARGS)

smoke: ## the smoke test against LocalStack, moto and versitygw in turn; ENDPOINT=http://127.0.0.1:4566 for another
	@scripts/tool.sh smoke '$(ENDPOINT)'

fresh: ## demo and tests on a minimal Debian made for it; WHAT='make demo' for other commands
	@scripts/fresh.sh $(if $(WHAT),'$(WHAT)')

clean: ## remove what was built here
	rm -rf bin
