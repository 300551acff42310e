# Everything that a person or a CI machine does with Pellucid. `make help` lists it.
SHELL := /bin/bash
# Swift from PATH, or from where its Linux tarball usually lies.
SWIFT := $(shell command -v swift || echo /opt/swift/usr/bin/swift)
# Refuses an import that Package.swift does not declare: the arrows of Docs/Architecture.md.
ARROWS := --explicit-target-dependency-import-check error
RELEASE := .build/release/pellucid

# Where `make install` puts things; with DESTDIR=folder below that folder.
PREFIX ?= /usr/local

.PHONY: help setup build release viewer test soak lint format demo bench evaluate docs install fuzz clean

help: ## List the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 10

setup: ## Install the system libraries that are missing (apt, with sudo where needed).
	@Workflows/setup.sh

build: setup ## Build everything for debugging, and refuse undeclared imports.
	$(SWIFT) build $(ARROWS)

release: setup ## Build the optimised executable, which knows the commit that it is built from.
	BUILD_COMMIT=$$(git describe --always --dirty --abbrev=12 2>/dev/null) $(SWIFT) build -c release --product pellucid $(ARROWS)

viewer: ## Fetch the interactive viewer for reports (1.7 MB from PyPI, pinned by digest) into Workflows/viewer/.
	@Workflows/viewer/build.sh

test: ## Install what tests need (a browser and the viewer too), build, and run all tests.
	@Workflows/setup.sh --tests
	@Workflows/viewer/build.sh
	TESTS_REQUIRE_BROWSER=1 $(SWIFT) test --disable-xctest $(ARROWS)

soak: ## Kill, fail and stop the queue at every call (an hour); prints the table of Docs/Reliability.md.
	@Workflows/setup.sh --tests
	@Workflows/soak.sh

lint: ## Check the formatting and a few rules of the house.
	$(SWIFT) format lint --strict -r -p Package.swift Sources Tests
	@Workflows/arrows.sh
	@Workflows/lint.sh

format: ## Format the Swift sources in place.
	$(SWIFT) format format -i -r -p Package.swift Sources Tests

demo: release ## Denoise, fill gaps and translate on the samples, and leave pictures, reports and numbers in demo-output/.
	@Workflows/demo.sh $(RELEASE) demo-output

bench: release ## Compare with PyTorch, ONNX Runtime and OpenVINO (half an hour, 6 GB); rewrites Docs/Benchmarks.md.
	@Workflows/bench/bench.sh $(RELEASE)

evaluate: release ## Measure the models beside classical methods (hours): `make evaluate DATA=folder`; rewrites Docs/Quality.md.
	@[ -n "$(DATA)" ] || { echo "evaluate: say where the scans are: make evaluate DATA=folder" >&2; exit 64; }
	@Workflows/quality/quality.sh $(RELEASE) --data "$(DATA)" --models "$(or $(MODELS),Workflows/models)" $(if $(OTHERS),--others "$(OTHERS)")

fuzz: setup ## Fuzz the readers of untrusted files: `make fuzz SECONDS=60 TARGET=nifti`; all of them unless told.
	@SWIFT=$(SWIFT) Workflows/fuzz.sh $(or $(TARGET),all) $(or $(SECONDS),60)

docs: release ## Write Docs/Commands.md, Docs/man and Docs/completions from the executable's own help.
	@Workflows/commands.sh $(RELEASE) > Docs/Commands.md && echo "wrote Docs/Commands.md"
	@Workflows/manual.sh $(RELEASE) Docs && echo "wrote Docs/man, Docs/completions"

install: ## Install executable, models, workflows, manual, completions, units under PREFIX (/usr/local); build first.
	@[ -x $(RELEASE) ] || { echo "install: build it first, as yourself: make release" >&2; exit 1; }
	@Workflows/install.sh $(RELEASE) "$(PREFIX)" "$(DESTDIR)"

clean: ## Remove everything that was built or made by the demo.
	rm -rf .build .build-fuzz demo-output
