# The commands of this project: `make help` lists them.

SHELL := /usr/bin/env bash -o pipefail
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help

# go needs a home, which a service or a container may not have.
ifndef HOME
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOARCH ?= $(shell go env GOARCH)
LDFLAGS := -s -w -X scim-operator.io/internal/cmd.version=$(VERSION)
BUILD := hack/build.sh
tool = $(shell $(BUILD) --path $(1))

# Demo, end to end and conformance share one cluster, in this order.
.NOTPARALLEL:

##@ The main job

.PHONY: demo
demo: ## Run the main job on a real cluster (CLUSTER=local, kind or current).
	hack/demo/demo.sh up

.PHONY: operator
operator: ## Bring up the demo's cluster with the operator, and nothing of the demo.
	hack/demo/demo.sh operator

.PHONY: demo-down
demo-down: ## Remove the demo and the cluster it made.
	hack/demo/demo.sh down

.PHONY: test
test: test-go test-e2e conformance ## Run every test that this machine can run: unit, envtest, end to end, conformance.

##@ Tests

.PHONY: test-go
test-go: ## Run the unit and envtest suites, with the race detector.
	hack/test-go.sh

.PHONY: fuzz
fuzz: ## Fuzz every target, one after the other (FUZZTIME=10m each).
	hack/fuzz.sh

.PHONY: test-long
test-long: ## Run the longer proofs: a million requests, every fuzz target ten minutes, faults (hours).
	hack/test-long.sh

.PHONY: test-e2e
test-e2e: operator ## Run the end-to-end suite on the demo's cluster, in namespaces of its own.
	go test -tags e2e -count 1 -timeout 30m -v ./test/e2e/...

.PHONY: conformance
conformance: operator ## Play the IdPs' transcripts and run a public SCIM suite, against endpoints of their own.
	test/conformance/run.sh

.PHONY: bench
bench: build ## Measure the server against references in the same run (BENCH=short: minutes; BENCH_FLAGS=-help: options).
	go run -C test/bench . $(if $(filter short,$(BENCH)),-short) $(BENCH_FLAGS)

##@ Development

.PHONY: build
build: ## Build the binary for this machine into bin/.
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o bin/scim-operator .
	ln -sfn scim-operator bin/kubectl-scim
	ln -sfn scim-operator bin/kubectl_complete-scim

PLUGIN_DIR ?= $(HOME)/.local/bin

.PHONY: install-plugin
install-plugin: build ## Install `kubectl scim` and its completion for this user (PLUGIN_DIR=~/.local/bin).
	mkdir -p $(PLUGIN_DIR)
	install -m 755 bin/scim-operator $(PLUGIN_DIR)/kubectl-scim
	ln -sfn kubectl-scim $(PLUGIN_DIR)/kubectl_complete-scim
	@case ":$$PATH:" in *":$(PLUGIN_DIR):"*) ;; *) echo "$(PLUGIN_DIR) is not on PATH, where kubectl looks for plugins; add: export PATH=\$$PATH:$(PLUGIN_DIR)" ;; esac

.PHONY: image-binary
image-binary: ## Build the static Linux binary that the image holds.
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o bin/image/scim-operator .
	chmod 755 bin/image/scim-operator # in the image another user runs it, whatever this one's umask

.PHONY: image
image: image-binary ## Build the container image into bin/image.tar (CONTAINER_TOOL=docker, podman or buildah).
	hack/image.sh build

.PHONY: docker-build
docker-build: image ## The same, under Kubebuilder's name.

.PHONY: manifests
manifests: ## Regenerate the CRDs and the manager's RBAC.
	$(BUILD) controller-gen
	$(call tool,controller-gen) crd:maxDescLen=1000 output:crd:dir=config/crd/bases paths=./api/...
	$(call tool,controller-gen) rbac:roleName=scim-operator-manager output:rbac:dir=config/rbac paths=./controllers/...

.PHONY: generate
generate: manifests ## Regenerate deep copies and apply configurations, and all manifests.
	rm -rf api/v1alpha1/applyconfiguration
	$(call tool,controller-gen) object:headerFile=hack/boilerplate.go.txt \
	  applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -w $$(git ls-files '*.go')

##@ Deployment

# The operator's image. Kubebuilder calls it IMG.
IMAGE := $(or $(IMAGE),$(IMG))
export IMAGE

.PHONY: install
install: ## Install the CRDs, which a policy protects, into the cluster of the current kubeconfig context.
	hack/install.sh install

.PHONY: uninstall
uninstall: ## Delete the CRDs, unless an object of one of the kinds exists.
	hack/install.sh uninstall

.PHONY: deploy
deploy: ## Deploy the CRDs and the operator to that cluster (IMAGE=registry/name:tag).
	hack/install.sh deploy

.PHONY: undeploy
undeploy: ## Delete the operator from that cluster. The CRDs stay, and so do all people.
	hack/undeploy.sh

.PHONY: build-installer
build-installer: ## Write the CRDs and the operator into dist/install.yaml (IMAGE=registry/name:tag).
	mkdir -p dist
	hack/install.sh print > dist/install.yaml

##@ Checks

.PHONY: lint
lint: lint-go lint-generated lint-imports lint-api lint-shell ## Run every static check.

.PHONY: lint-go
lint-go: ## Run go vet and golangci-lint, with kube-api-linter for api/.
	$(BUILD) golangci-lint
	go vet ./... scim-operator.io/api/... && go vet -tags e2e ./test/...
	for module in test/alerts test/bench examples/watch-users; do go vet -C $$module ./...; done
	cd api && $(call tool,golangci-lint) run --config ../.golangci.yml --enable-only kubeapilinter ./...
	cd api && $(call tool,golangci-lint) run --config ../.golangci.yml --disable kubeapilinter ./...
	$(call tool,golangci-lint) run --build-tags e2e --disable kubeapilinter ./...

.PHONY: lint-generated
lint-generated: generate ## Check that generated files are up to date.
	@out=$$(git status --porcelain -- api config); \
	if [ -n "$$out" ]; then echo "generated files are out of date; run 'make generate' and commit:"; echo "$$out"; git diff -- api config; exit 1; fi
	for module in . api test/bench examples/watch-users; do go -C $$module mod tidy -diff; done

.PHONY: lint-imports
lint-imports: ## Check that imports between the rooms go one way (docs/design.md).
	hack/check-imports.sh

.PHONY: lint-api
lint-api: ## Check that the CRDs have only grown since the last tag (docs/api-policy.md).
	hack/check-api.sh

.PHONY: lint-shell
lint-shell: ## Run shellcheck over every script.
	hack/shellcheck.sh

.PHONY: vulncheck
vulncheck: ## Run govulncheck, or say that its database cannot be reached.
	hack/vulncheck.sh

.PHONY: clean
clean: ## Remove what was built here (not the cache of binaries).
	rm -rf bin

.PHONY: help
help: ## List the commands.
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*##/ {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
