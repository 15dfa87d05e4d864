GO     ?= go
TOOLS  := $(CURDIR)/.tools
FUZZTIME ?= 5s
SOAK   ?= long

STATICCHECK := $(TOOLS)/staticcheck
STATICCHECK_VERSION := v0.8.2

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STATICCHECK) ## download the modules and install the tools of make lint
	$(GO) mod download

$(STATICCHECK):
	GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

.PHONY: test
test: ## run all tests; name those that were skipped, and why
	@log=$$(mktemp); $(GO) test -v ./... >$$log 2>&1; status=$$?; \
		awk -v failed=$$status -f .ci/summary.awk $$log; rm -f $$log; exit $$status

# What of the CUDA device is about its host side; the kernels have a check of their own.
CUDA_RACES := Conformance/random/(CSR|Transfer|Streams|Determinism|Errors|Memory)|Recommending|FreedMemory|Transfers|IdleMemory

.PHONY: race
race: ## run the tests of the concurrent packages under the race detector
	$(GO) test -race -short ./kernels/... ./cpu/... ./als/... ./bench/...
	$(GO) test -race -short -run '$(CUDA_RACES)' ./cuda

.PHONY: lint
lint: $(STATICCHECK) ## gofmt, go vet, staticcheck, go mod tidy
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff

# A generator is a module of its own, _gen in the package whose assembly it writes, so that
# its libraries are no part of this one.
GENERATED := cpu/internal/simd bench/dataset/internal/scan als/internal/lines

.PHONY: generate
generate: ## write the assembly anew
	@set -e; for package in $(GENERATED); do (cd $$package/_gen && $(GO) run . ..); done

.PHONY: check-generate
check-generate: ## fail unless the assembly is what the generators write
	@set -e; fresh=$$(mktemp -d); trap "rm -rf $$fresh" EXIT; \
		for package in $(GENERATED); do \
			(cd $$package/_gen && $(GO) vet . && $(GO) mod tidy -diff && mkdir -p $$fresh/$$package && $(GO) run . $$fresh/$$package); \
			for f in $$fresh/$$package/*; do diff -u $$package/$$(basename $$f) $$f; done; \
			for f in $$(grep -sl 'make generate. DO NOT EDIT' $$package/*); do \
				test -e $$fresh/$$f || { echo "$$f: not generated any more"; exit 1; }; \
			done; \
		done

# NVRTC compiles the CUDA kernels. It lives outside the tree and needs no GPU.
NVRTC := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/halfstep/nvrtc

$(NVRTC)/ready: cuda/kernels/_ptx/requirements.txt
	python3 -m pip install --quiet --no-deps --require-hashes --only-binary :all: --upgrade --target $(NVRTC) --requirement $<
	touch $@

.PHONY: ptx
ptx: $(NVRTC)/ready ## compile the CUDA kernels to PTX anew (wants Python 3 with pip, on x86-64)
	$(GO) run ./cuda/kernels/_ptx -nvrtc $(NVRTC)/nvidia/cuda_nvrtc/lib cuda/kernels

.PHONY: check-ptx
check-ptx: $(NVRTC)/ready ## fail unless the PTX is what the CUDA kernels compile to
	$(GO) run ./cuda/kernels/_ptx -nvrtc $(NVRTC)/nvidia/cuda_nvrtc/lib -check cuda/kernels

.PHONY: registers
registers: $(NVRTC)/ready ## print the registers of each CUDA kernel; fail if one spills
	cuda/kernels/_ptx/registers.sh $(NVRTC)/nvidia/cuda_nvcc/bin/ptxas cuda/kernels

MUTANTS ?= all

.PHONY: mutants
mutants: ## make mistakes in the CUDA kernels, one at a time, and see the suite notice; MUTANTS=20 or MUTANTS=spmm.cu,tiles.cuh for some
	HALFSTEP_MUTANTS=$(MUTANTS) KERNELS_REQUIRE=cuda $(GO) test -count=1 -v -timeout 2h -run '^TestMutants$$' ./cuda/internal/emulator

# The headers of CUDA live outside the tree, too.
CUDA_HEADERS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/halfstep/cuda-headers

$(CUDA_HEADERS)/ready: cuda/gorgoniacu/requirements.txt
	python3 -m pip install --quiet --no-deps --require-hashes --only-binary :all: --upgrade --target $(CUDA_HEADERS) --requirement $<
	touch $@

.PHONY: gorgoniacu
gorgoniacu: $(CUDA_HEADERS)/ready ## build and test cuda/gorgoniacu with its tag (wants Python 3 with pip, g++)
	HALFSTEP_CUDA_INCLUDE=$(CUDA_HEADERS)/nvidia/cuda_runtime/include $(GO) test -count=1 ./cuda/gorgoniacu

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (5s, or so many inputs: 4000x)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: soak
soak: ## load and kill the service, kill training, for some minutes; SOAK=short for seconds
	HALFSTEP_SOAK=$(SOAK) $(GO) test -count=1 -v -timeout 15m -run '^TestSoak' ./bench/serve ./als

.PHONY: bench
bench: ## run the benchmarks of the device contract
	$(GO) test -run '^$$' -bench . ./cpu

GPU_BUNDLE ?= dist/halfstep-gpu.tar.gz

.PHONY: gpu-bundle
gpu-bundle: ## pack tests and benchmark for a GPU machine without Go, in GPU_BUNDLE
	.ci/gpu-bundle/make.sh $(GPU_BUNDLE)

.PHONY: job
job: ## run the main job on the data it makes itself
	$(GO) run ./bench

# The other systems live in a virtual environment outside the tree.
PEERS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/halfstep/peers

$(PEERS)/ready: bench/peers/scripts/requirements.txt
	python3 -m venv --clear $(PEERS)
	$(PEERS)/bin/pip install --quiet --requirement $<
	touch $@

.PHONY: peers-speed
peers-speed: $(PEERS)/ready ## compare the speed with OpenBLAS, implicit and polars (wants Python 3.11, a C compiler, HALFSTEP_DATA)
	$(GO) run ./bench peers speed --python $(PEERS)/bin/python --data "$${HALFSTEP_DATA:?is not set: the folder that holds ml-1m}/ml-1m"

.PHONY: peers
peers: $(PEERS)/ready ## compare with implicit and Spark MLlib (wants Python 3.11, Java 17, HALFSTEP_DATA)
	$(GO) run ./bench peers --python $(PEERS)/bin/python --data "$${HALFSTEP_DATA:?is not set: the folder that holds ml-1m}/ml-1m"
