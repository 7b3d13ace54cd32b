# Trimtab: `make` alone lists the targets. Works in a fresh clone with Go, GNU make and bash; tools that
# a target needs beyond those are installed into .tools/ from the lock files in internal/tools.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
FUZZTIME ?= 5s
BENCH ?= .
BENCHCOUNT ?= 6
# Arguments for the command behind a target: make demo ARGS=--help.
ARGS ?=
# The architecture for `make build-ReconcileFunction` and its like, in Lambda's words: arm64 or x86_64.
# `sam build` sets it from the template's Architecture parameter, see infra/sam.
TRIMTAB_ARCH ?= arm64
GOARCH_arm64 := arm64
GOARCH_x86_64 := amd64

STAMP := .tools/stamp
FUNCTIONS := $(notdir $(patsubst %/main.go,%,$(wildcard functions/*/main.go)))
BOOTSTRAPS := $(foreach f,$(FUNCTIONS),dist/$(f)/arm64/bootstrap dist/$(f)/amd64/bootstrap)
# Reproducible bytes: the same source is the same upload, and no deploy without a change. The largest
# bootstrap that may ship, in bytes (16 MB).
LAMBDA_FLAGS := -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='
LAMBDA_MAX := 16000000

# lambda_build FUNCTION GOARCH FILE
define lambda_build
CGO_ENABLED=0 GOOS=linux GOARCH=$(2) $(GO) build $(LAMBDA_FLAGS) -o '$(3)' ./functions/$(1)
endef

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } /^[a-zA-Z_-]+:.*## / { printf "  %-24s %s\n", $$1, $$2 }' Makefile

##
## Use
##

.PHONY: demo
demo: bin/trimtab ## Replay a recorded day against a simulated service; only Go is needed.
	@bin/trimtab demo $(ARGS)

.PHONY: local
local: bin/trimtab tools-python tools-node ## Start the local bed: DynamoDB Local, moto and the compiled functions.
	@bin/trimtab local up $(ARGS)

.PHONY: local-down
local-down: bin/trimtab ## End what `make local` started.
	@bin/trimtab local down $(ARGS)

##
## Build
##

.PHONY: build
build: bin/trimtab $(BOOTSTRAPS) ## Build the CLI and every function for arm64 and x86-64; print the sizes.
	@[ -n '$(FUNCTIONS)' ] || { echo 'no functions/*/main.go to build' >&2; exit 1; }
	@printf '\n%-12s %-8s %10s %10s\n' function arch bytes zipped; over=0; \
	for file in $(BOOTSTRAPS); do \
		IFS=/ read -r _ name arch _ <<<"$$file"; bytes=$$(wc -c <"$$file" | tr -d ' '); \
		printf '%-12s %-8s %10d %10d\n' "$$name" "$$arch" "$$bytes" "$$(gzip -c "$$file" | wc -c | tr -d ' ')"; \
		[ "$$bytes" -le $(LAMBDA_MAX) ] || { echo "$$file is over $(LAMBDA_MAX) bytes" >&2; over=1; }; \
	done; exit $$over

# Go's own cache knows what is up to date, so these are always asked for.
dist/%/bootstrap: FORCE
	$(call lambda_build,$(patsubst %/,%,$(dir $*)),$(notdir $*),$@)

.PHONY: bin/trimtab
bin/trimtab:
	@$(GO) build -trimpath -buildvcs=false \
		-ldflags "-X main.version=$$(git describe --tags --always --dirty 2>/dev/null || echo unknown)" -o $@ ./cmd/trimtab

# sam_build FUNCTION: what `sam build` wants of a target named after the function in the template.
define sam_build
@[ -n '$(ARTIFACTS_DIR)' ] || { echo 'set ARTIFACTS_DIR to the folder that gets the bootstrap' >&2; exit 1; }
@[ -n '$(GOARCH_$(TRIMTAB_ARCH))' ] || { echo "TRIMTAB_ARCH is '$(TRIMTAB_ARCH)': give arm64 or x86_64" >&2; exit 1; }
@mkdir -p '$(ARTIFACTS_DIR)'
$(call lambda_build,$(1),$(GOARCH_$(TRIMTAB_ARCH)),$(ARTIFACTS_DIR)/bootstrap)
endef

.PHONY: build-ReconcileFunction build-DrainFunction
build-ReconcileFunction: ## Build one function as `sam build` does, into ARTIFACTS_DIR for TRIMTAB_ARCH.
	$(call sam_build,reconcile)

build-DrainFunction: ## The same of the drain function.
	$(call sam_build,drain)

.PHONY: generate
generate: ## Write the policy schema and reference in docs/ from the comments in internal/core/spec.
	$(GO) generate ./...

.PHONY: FORCE
FORCE:

##
## Check
##

.PHONY: test
test: tools-python tools-node ## Run everything CI runs but lint, and say which tests could not run.
	@MAKE='$(MAKE)' FUZZTIME='$(FUZZTIME)' .ci/test

.PHONY: unit
unit: ## Run the Go tests alone.
	$(GO) test -shuffle=on ./...

.PHONY: test-race
test-race: tools-python tools-node ## Run the Go tests with the race detector (needs a C compiler).
	$(GO) test -race -count=1 -shuffle=on -timeout=30m ./...

.PHONY: wasm
wasm: ## Build the core for WebAssembly: it must need no operating system.
	@GOOS=js GOARCH=wasm $(GO) build ./internal/core/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (5s).
	@.ci/fuzz '$(FUZZTIME)'

.PHONY: validate
validate: bin/trimtab tools-python ## Check the templates, `sam build` for both architectures and the example policy.
	@MAKE='$(MAKE)' .ci/validate

.PHONY: lint
lint: tools-go ## Run the linters and the format check.
	@[ -x .tools/bin/golangci-lint ] || { cat .tools/missing.txt >&2; exit 1; }
	@.tools/bin/golangci-lint run ./...
	@.tools/bin/golangci-lint fmt --diff ./...

.PHONY: fmt
fmt: tools-go ## Format the Go code.
	@.tools/bin/golangci-lint fmt ./...

.PHONY: bench
bench: tools-go ## Run the benchmarks BENCH (all) BENCHCOUNT (6) times; numbers stay in out/bench.txt.
	@mkdir -p out
	@$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem -count='$(BENCHCOUNT)' ./... | tee out/bench.txt
	@.tools/bin/benchstat out/bench.txt

.PHONY: coverage
coverage: tools-python tools-node ## Measure coverage and hold it to its floors (core 90 %, elsewhere 75 %).
	@.ci/coverage

.PHONY: mutate
mutate: ## Break one rule of the core after another (ARGS: those whose names match); fail where the tests still pass.
	@.ci/mutate $(ARGS)

.PHONY: presubmit
presubmit: ## Before a push: lint, race detector, then every test.
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-race
	@$(MAKE) --no-print-directory test

##
## Tools
##

.PHONY: tools
tools: tools-go tools-python tools-node ## Install every pinned tool into .tools/.

.PHONY: tools-go tools-python tools-node
tools-go: $(STAMP)/go ; @:
tools-python: $(STAMP)/python ; @:
tools-node: $(STAMP)/node ; @:

# .ci/install-tool writes the stamp only when it succeeded, and does not fail when it did not: a tool
# that cannot be had must not stop the tests that do without it.
$(STAMP)/go: internal/tools/go.mod internal/tools/go.sum
	@.ci/install-tool go

$(STAMP)/python: internal/tools/python/requirements.lock
	@.ci/install-tool python

$(STAMP)/node: internal/tools/node/package.json internal/tools/node/package-lock.json
	@.ci/install-tool node

.PHONY: clean
clean: ## Remove what was built; .tools/ stays.
	rm -rf bin dist out .aws-sam .tools/validate .tools/validate.log

.PHONY: clean-tools
clean-tools: ## Remove the installed tools too.
	rm -rf .tools
