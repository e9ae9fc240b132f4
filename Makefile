# `make help` lists what can be made. `make demo` and `make test` need nothing
# but Go, Node and make on a Debian machine, as root: they install the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION := 0.1.0-dev
CACHE := $(or $(KUBETUNNEL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kubetunnel)
TOOLS := $(CACHE)/tools
GOLANGCI_VERSION := v2.13.2
DELVE_VERSION := v1.27.2
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
DELVE := $(TOOLS)/delve-$(DELVE_VERSION)/dlv
APPARMOR := $(TOOLS)/apparmor
DEVCLUSTER := bin/devcluster
REPORT := bin/report
LDFLAGS := -s -w -X github.com/kubetunnel/kubetunnel/operator/version.Version=$(VERSION)
export PATH := $(TOOLS)/delve-$(DELVE_VERSION):$(PATH)

.PHONY: help
help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build tunnel-server, operator, agent and devcluster into bin/
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./server/cmd/tunnel-server
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/image/ ./operator/cmd/... ./examples/shop/web ./examples/shop/cart ./examples/shop/prices ./examples/shop/loadgen ./test/hostile ./test/e2e/faults/faultapp
	@cd test/devcluster && go build -trimpath -o ../../$(DEVCLUSTER) .

.PHONY: images
images: build ## build the images as tarballs into build/images/
	@VERSION=$(VERSION) ./scripts/images.sh

.PHONY: release-images
release-images: build ## the image for amd64 and arm64, in build/release/; built twice, and compared
	@VERSION=$(VERSION) LDFLAGS='$(LDFLAGS)' ./scripts/release-images.sh --check

.PHONY: demo demo-keep
demo: images $(DELVE) ## F5 on a real cluster, from nothing to nothing
	@go run ./test/demo
demo-keep: images $(DELVE) ## the same, and leave the cluster up to play with
	@go run ./test/demo --keep

.PHONY: test
test: ## everything: lint, unit tests, end-to-end tests on a real cluster
	@./scripts/test.sh

.PHONY: lint
lint: $(GOLANGCI) ## formatting and linters
	@$(GOLANGCI) run ./...
	@cd test/devcluster && $(GOLANGCI) run --config ../../.golangci.yml ./...
	@cd test/chart && $(GOLANGCI) run --config ../../.golangci.yml ./...

.PHONY: cross
cross: ## build and vet what runs on workstations, for each system and processor
	@./scripts/cross.sh

# Those need the race detector, and tell a line for each package or test.
.PHONY: compiler
compiler:
	@./scripts/compiler.sh
	@go build -o $(REPORT) ./test/tools/report

.PHONY: test-go
test-go: compiler $(DELVE) ## unit tests, with the race detector
	@./scripts/apparmor.sh $(APPARMOR)
	@./scripts/lldb.sh
	@KUBETUNNEL_PYTHON=$$(./scripts/python.sh $(TOOLS)/python) KUBETUNNEL_JS_DEBUG=$$(./scripts/jsdebug.sh $(TOOLS)/js-debug) KUBETUNNEL_APPARMOR=$(APPARMOR) $(REPORT) go test -json -race ./...
	@$(REPORT) -C test/devcluster go test -json -race ./...

.PHONY: test-operator
test-operator: test-programs ## the controller's tests, on a real cluster without an operator
	@./scripts/with-devcluster.sh $(or $(KUBETUNNEL_TEST_NAME),ktcontroller) $(REPORT) -stream go test -json -race -count=1 -timeout 15m ./operator/controller

# What the tests on a cluster need; `make test` makes it once for all of them.
.PHONY: test-programs
ifeq ($(KUBETUNNEL_TEST_PROGRAMS),)
test-programs: compiler images $(DELVE)
	@go build -race -trimpath -ldflags '$(LDFLAGS)' -o bin/race/ ./server/cmd/tunnel-server
endif

.PHONY: test-e2e
test-e2e: test-programs ## end-to-end tests on a real cluster
	@KUBETUNNEL_TOOLS=$(TOOLS) ./scripts/test-e2e.sh $(ARGS)

.PHONY: test-faults
test-faults: test-programs ## faults under load, the quick form of each
	@./scripts/test-faults.sh $(ARGS)

.PHONY: test-debuggers
test-debuggers: test-programs ## each debugger, end to end on a real cluster
	@./scripts/shop-images.sh $(TOOLS)/shop
	@KUBETUNNEL_TOOLS=$(TOOLS) ./scripts/test-debuggers.sh $(ARGS)

.PHONY: test-vscode
test-vscode: test-programs ## the VS Code extension's tests, in a real workbench on a real cluster
	@VERSION=$(VERSION) LDFLAGS='$(LDFLAGS)' KUBETUNNEL_TOOLS=$(TOOLS) ./scripts/test-vscode.sh $(ARGS)

.PHONY: test-jetbrains
test-jetbrains: test-programs ## the JetBrains plugin's tests: headless on the platform's API, and on a real cluster
	@KUBETUNNEL_TOOLS=$(TOOLS) ./scripts/test-jetbrains.sh $(ARGS)

.PHONY: jetbrains-api
jetbrains-api: ## write the list of what the JetBrains plugin uses of its platform
	@KUBETUNNEL_TOOLS=$(TOOLS) ./scripts/jetbrains.sh
	@KUBETUNNEL_UPDATE=1 ./scripts/jetbrains-junit.sh plugin --include-classname '.*ApiTest'

.PHONY: jetbrains
jetbrains: ## say how the JetBrains plugin is built for real
	@sed -n '/^## Building/,/^## How/p' editors/jetbrains/README.md | sed '$$d'

.PHONY: test-chart
test-chart: test-programs ## the Helm chart's tests, by the real Helm, on a real cluster
	@./scripts/test-chart.sh $(ARGS)

.PHONY: soak
soak: test-programs ## the fault suite's long form; writes build/soak.json and, when all rows were played, README's table from it
	@KUBETUNNEL_SOAK=1 ./scripts/test-faults.sh $(ARGS)
	@$(if $(ARGS),true,go run ./test/tools/reliability)

.PHONY: parity
parity: test-programs ## what differs between a pod and a session; writes build/parity.json
	@./scripts/parity-image.sh
	@go run ./test/parity $(ARGS)

.PHONY: bench
bench: images $(DELVE) ## measure; writes build/bench.json
	@go run ./test/bench

VSIX_TARGETS := linux-x64 linux-arm64 darwin-x64 darwin-arm64 win32-x64 win32-arm64
.PHONY: vsix
vsix: ## the VS Code extension's packages, one for each system, in build/vsix/
	@VERSION=$(VERSION) LDFLAGS='$(LDFLAGS)' ./scripts/vsix.sh $(or $(TARGETS),$(VSIX_TARGETS))

FUZZTIME ?= 10s
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	@./scripts/fuzz.sh $(FUZZTIME)

.PHONY: generate
generate: ## write what is generated
	go generate ./protocol ./operator/api/...
	node editors/vscode/scripts/manifest.mjs
	cd test/chart && go run ./generate

.PHONY: clean
clean: ## remove what was built, and a cluster that was left up
	@if [ -x $(DEVCLUSTER) ]; then $(DEVCLUSTER) down; fi
	@rm -rf bin build

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (kept in the cache; takes minutes)"
	@mkdir -p $(@D) && GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(DELVE):
	@echo "building Delve $(DELVE_VERSION) (kept in the cache)"
	@mkdir -p $(@D) && GOBIN=$(@D) go install github.com/go-delve/delve/cmd/dlv@$(DELVE_VERSION)
