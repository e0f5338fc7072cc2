SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
FUZZTIME ?= 20s
# The race detector has every process wait for a second when it ends: tests start hundreds.
export GORACE ?= atexit_sleep_ms=0
STATICCHECK = $(GO) tool -modfile=tools/go.mod staticcheck

# Everything but test/, which needs a real Envoy and minutes.
UNIT = $$($(GO) list ./... | grep -v '/test\(/\|$$\)')
# What go generate writes.
GENERATED = api deploy docs/problems.md docs/problems docs/reference.md schema/internal/data

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

.PHONY: demo
demo: ## Blue to green on a real Envoy under load, in under a minute
	$(GO) run ./test/demo

.PHONY: build
build: ## Build bin/gateway-cp
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/gateway-cp ./cmd/gateway-cp

.PHONY: tools
tools: ## Fetch what the rest needs: modules, staticcheck, controller-gen, Envoy, an XSD validator, pre-commit, dnspython, CoreDNS
	$(GO) mod download
	$(STATICCHECK) -version
	$(GO) tool -modfile=tools/go.mod controller-gen --version
	$(GO) run ./envoybin/find-envoy
	$(GO) run ./envoybin/find-envoy oldest
	.ci/xmlschema
	.ci/ecosystem
	.ci/dnspython
	.ci/coredns

.PHONY: test
test: check test-unit test-fire test-crds test-schemas fuzz-short test-e2e test-oldest-envoy ## All that CI runs

.PHONY: test-unit
test-unit: ## Tests that take seconds, with the race detector
	$(GO) test -race $(UNIT)
	$(GO) test -count=1 -run '^TestManyTransitions$$' ./rollout

.PHONY: test-fire
test-fire: ## 200 virtual Envoys under fire, a million steps (docs/xds.md); the race detector would take minutes
	$(GO) test -count=1 ./xds -run '^TestFleetUnderFire$$' -fire.seed=1 -fire.seeds=10 -fire.steps=100000

.PHONY: test-crds
test-crds: ## The CRDs, in the API server's own code (a module of its own)
	cd tools/crdtest && $(GO) test ./...

.PHONY: test-schemas
test-schemas: ## What validate refuses, compared with a real API server where there is one (see kube-assets)
	cd tools/schematest && $(GO) test -v -count=1 ./... 2>&1 | grep -v '^=== RUN'

# Where the tests look for it: KUBEBUILDER_ASSETS comes first. gitVersion makes it know its features.
KUBE_ASSETS = $${XDG_CACHE_HOME:-$$HOME/.cache}/gateway-cp/kubernetes-1.37
.PHONY: kube-assets
kube-assets: ## Build kube-apiserver and etcd into the cache, for test-schemas and the tests of --source kube: 10 minutes, once
	cd tools/schematest && $(GO) build -o "$(KUBE_ASSETS)/etcd" ./etcd
	cd tools/schematest && $(GO) build -o "$(KUBE_ASSETS)/kube-apiserver" -ldflags "-X k8s.io/component-base/version.gitVersion=v1.37.2 \
	-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37" k8s.io/kubernetes/cmd/kube-apiserver

.PHONY: test-e2e
test-e2e: ## Tests against a real Envoy, in test/; those that mostly wait run four at a time
	GATEWAY_CP_RACE=1 $(GO) test -count=1 -v -timeout 20m -parallel 4 ./test/... 2>&1 | .ci/progress

# The tests of traffic that would notice a field which the oldest supported Envoy does not know.
.PHONY: test-oldest-envoy
test-oldest-envoy: ## The tests of routes, weights, endpoints, HTTPS, flips, own ports of Services and explain against the oldest supported Envoy
	@envoy=$$($(GO) run ./envoybin/find-envoy oldest); echo "with $$envoy"; \
	ENVOY=$$envoy $(GO) test -count=1 -v -timeout 10m -parallel 4 ./test -run \
	'^Test(ServicesByName|RoutesMatch|RouteFilters|Weights|HTTPSWithRotation|EndpointsComeAndGo|EdgeDefaults|FlipsToNewVersionsLoseNothing|ARouteThatEnvoyRefuses|AListenerThatEnvoyRefuses|OtherBytesDrainNobody|NodePorts|LoadBalancer|ExternalName|ExplainAgreesWithEnvoy|AllEndpointsReplacedAtOnce|DegradedEndpointsAreNotCountedAsHealthy)$$' 2>&1 | .ci/progress

.PHONY: check
check: check-format check-vet check-staticcheck check-generated ## Format, vet, staticcheck, generated files fresh

.PHONY: check-format
check-format:
	@files=$$(gofmt -l .); \
	if [ -n "$$files" ]; then echo "not formatted (run: make format):"; echo "$$files"; exit 1; fi
	@echo "format: fine"

.PHONY: check-vet
check-vet:
	$(GO) vet ./...

.PHONY: check-staticcheck
check-staticcheck:
	$(STATICCHECK) ./...

.PHONY: check-generated
check-generated:
	@before=$$(.ci/checksum $(GENERATED)); $(GO) generate ./...; after=$$(.ci/checksum $(GENERATED)); \
	if [ "$$before" != "$$after" ]; then echo "generated files were stale; they are fresh now: commit them"; git status --short -- $(GENERATED); exit 1; fi
	@echo "generated files: fresh"

.PHONY: format
format: ## Format all Go files
	gofmt -w .

.PHONY: generate
generate: ## Generate deep copies, CRDs and JSON Schemas
	$(GO) generate ./...

.PHONY: fuzz
fuzz: ## Every fuzzer for FUZZTIME (20s)
	GO="$(GO)" .ci/fuzz $(FUZZTIME)

# Not the one that holds our reading of YAML against another parser's: what it finds is news, not a regression.
.PHONY: fuzz-short
fuzz-short:
	GO="$(GO)" .ci/fuzz short FuzzReadAsKubernetes

.PHONY: bench
bench: ## What a change and clients cost, against others in the same run (docs/benchmarks.md); 17 minutes
	WRK=$$(.ci/wrk) $(GO) run ./test/bench

.PHONY: bench-dataplane
bench-dataplane: ## Requests through the configuration that is generated, against a minimal one by hand; load from wrk; 5 minutes
	WRK=$$(.ci/wrk) $(GO) run ./test/bench dataplane

.PHONY: soak
soak: ## The long forms of the tests, of rollouts and against a real Envoy, with full counts
	GATEWAY_CP_SOAK=1 GATEWAY_CP_RACE=1 $(GO) test -count=1 -v -timeout 2h -parallel 1 ./rollout/... ./test/...

.PHONY: clean
clean: ## Remove what was built here
	rm -rf bin
