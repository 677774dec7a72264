# One-word commands. `make` alone prints them. Options of a command go in ARGS: make up ARGS=--detach

PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-compress up down demo check test bench soak simulate nightly lock protos publish-protos dashboards

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Build the environments (.venv and .venv-ml); start nothing
	@$(PYTHON) scripts/setup.py

setup-compress: ## Add the environment that compresses models (.venv-compress)
	@$(PYTHON) scripts/setup.py --with-compression

up: setup ## Build what is missing and start the fleet; Ctrl-C stops it
	@.venv/bin/argosy up $(ARGS)

down: ## Stop the fleet
	@.venv/bin/argosy down $(ARGS)

demo: ## Tune the model live on a running fleet and compare its answers
	@.venv/bin/argosy demo $(ARGS)

check: ## The quick checks: lint, types, imports, contracts, unit tests
	@$(PYTHON) scripts/setup.py --with-tests --light-only
	@scripts/check.sh

test: ## Everything: the checks, the process tests, a run on the real engine
	@$(PYTHON) scripts/setup.py --with-tests
	@scripts/check.sh
	@scripts/test.sh $(ARGS)

bench: ## Measure the gateway beside nginx and vllm-router; prints the table with ratios
	@$(PYTHON) scripts/setup.py --light-only
	@.venv/bin/python scripts/compile_lane.py
	@.venv/bin/python -m benchmarks.run $(ARGS)

soak: ## Ten minutes of load with disconnects: memory and open files must not grow
	@$(PYTHON) scripts/setup.py --light-only
	@.venv/bin/python -m benchmarks.soak $(ARGS)

simulate: ## Compare the placement of adapters with its rivals on seeded traces
	@$(PYTHON) scripts/setup.py --light-only
	@.venv/bin/python -m benchmarks.placement $(ARGS)

nightly: ## The long forms: ten minutes of soak and fuzzing, 10,000 requests counted, a million rows imported
	@$(PYTHON) scripts/setup.py --with-tests
	@scripts/nightly.sh $(ARGS)

lock: ## Recompile the pins in requirements/
	@scripts/lock.sh $(ARGS)

dashboards: ## Write Grafana's dashboards to deploy/k8s/grafana
	@$(PYTHON) scripts/setup.py --with-tests --light-only
	@.venv/bin/python -m dashboards

protos: ## Regenerate the Python code of the contracts
	@scripts/generate_protos.sh

publish-protos: ## Declare the contracts as they are now to be the published ones
	@scripts/publish_protos.sh
