# `make` lists the commands. Everything is installed into .venv from the locks; nothing outside the folder is touched.
PYTHON ?= $(shell command -v python3.11 || echo python3)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
MADE := data/processed .chanjiao paper/_manuscript paper/notebooks paper/results.json dvc_plots .dvc/cache .dvc/tmp
UV := uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet

# A copied folder uses its own package, wherever the copied environment was installed from.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src

.DEFAULT_GOAL := help
.PHONY: help repro plan test paper lab bench speed simulate lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

repro: .venv/installed ## compute what has changed, from the raw tables to the paper
	@python -m chanjiao repro

plan: .venv/installed ## say what `make repro` would do and why
	@python -m chanjiao plan

test: .venv/installed ## check types and style, run all tests, and measure how much of the code they reach
	@python -m ruff check && python -m mypy
	@python -m pytest --cov $(ARGS)

paper: .venv/installed ## render the paper from the results there are
	@python -m chanjiao render

lab: .venv/installed ## open the notebooks in JupyterLab
	@$(PIP) install --require-hashes -r requirements-lab.lock
	@python -m jupyter lab notebooks

bench: speed simulate ## all benchmarks: how fast the pipeline is, and how far its intervals and rules can be trusted

speed: .venv/installed ## time the pipeline against plain tools and print a table of ratios (about twenty minutes)
	@python benchmarks/speed.py

simulate: .venv/installed ## simulate how far intervals and rules can be trusted (some minutes); rewrites benchmarks/*.csv
	@python benchmarks/simulation.py

lock: ## pin the newest versions of all packages anew (needs uv)
	$(UV) pyproject.toml --extra test --output-file requirements.lock
	$(UV) pyproject.toml --extra lab --constraint requirements.lock --output-file requirements-lab.lock
	$(UV) --group build --constraint requirements.lock --output-file requirements-build.lock

clean: ## remove what `make repro` computes, and the environment; never data/raw
	@echo "Removing .venv $(MADE)"
	@rm -rf .venv $(MADE)

.venv/packages: requirements.lock requirements-build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "chanjiao needs Python 3.11; install it, or run make with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make environments; on Debian and Ubuntu run: apt install python3-venv"; exit 1; }
	@echo "Installing the pinned packages into .venv; this happens once and takes some minutes"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes -r requirements-build.lock
	@$(PIP) install --require-hashes --no-build-isolation -r requirements.lock
	@touch $@

# Python reads the link to src in the locale's encoding: a relative one is plain ASCII wherever the folder lies.
.venv/installed: pyproject.toml .venv/packages
	@LC_ALL=C.UTF-8 $(PIP) install --no-deps --no-build-isolation --editable .
	@for link in .venv/lib/python*/site-packages/__editable__.chanjiao-*.pth; do echo ../../../../src > "$$link"; done
	@touch $@
