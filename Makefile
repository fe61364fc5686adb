# Every chore has one command; `make help` lists them. Needs Python 3.11 or newer, make and a package index.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input

# A served installation starts a process for each run; without bytecode each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run serve test lint types format bench docs lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --no-deps: the locks are complete, and the pip that Python 3.11 brings trips over extras of pinned packages.
# A venv needs an interpreter that is new enough; say so in one line instead of a page of resolver errors.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "ricwatch needs Python 3.11 or newer; '$(PYTHON)' was not found. Try: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ricwatch needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python could not make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; rm -rf $(VENV); exit 1; }

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing from requirements.lock …"
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing from requirements-dev.lock …"
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/run.stamp ## Make .venv and install what the product needs

setup-dev: $(VENV)/dev.stamp ## Install what the tests need as well

run: setup ## Set up and do the main job once: poll, read, decide, mail (falls back to a replay without network)
	@$(BIN)/ricwatch run --force --or-replay

serve: setup ## Start the Prefect server, a worker and all deployments on 127.0.0.1; Ctrl-C stops everything
	@$(BIN)/ricwatch serve

# One process more than cores, four at most: tests of a served installation mostly wait for it.
test: setup-dev ## Set up and pass the tests
	@$(BIN)/python -m pytest -q -n $$($(BIN)/python -c "import os; print(min(4, (os.cpu_count() or 1) + 1))") --dist loadfile --no-loadscope-reorder

lint: setup-dev ## Check style and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup-dev ## Check types (mypy, strict)
	@$(BIN)/mypy

format: setup-dev ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup-dev ## Measure: reading, shifts, ingestion; figures go to bench/out
	@$(BIN)/python -m bench

docs: setup-dev ## Make the pages of docs/ that come from the code
	@$(BIN)/python -m store.describe

lock: setup-dev ## Make the lock files anew (needs uv)
	@uv pip compile pyproject.toml requirements-build.in --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o requirements.lock
	@uv pip compile pyproject.toml requirements-build.in --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o requirements-dev.lock
	@uv pip compile pyproject.toml requirements-build.in deploy/image/image.in --extra postgres --extra dkim --extra fulltext -c requirements-dev.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q -o deploy/image/image.lock

clean: ## Remove .venv and caches; var/ with your data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache *.egg-info build
