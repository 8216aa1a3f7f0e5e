# make demo         a browser full of example experiments
# make test         the whole suite, with the coverage gate
# make torture      the tests marked `torture` with their long counts: some hours. TORTURE=1 in the environment is
#                   what turns the counts up (see `scaled` in tests/conftest.py), also for a single test:
#                   TORTURE=1 .venv/bin/pytest --timeout 86400 tests/fuzz/test_requests.py
# make check        format, lint, types, import rules, wheel
# make screenshot   docs/screenshot.svg, made by the program itself
# make tables       the tables of README, from the program itself
# make bench        the figures of README, measured here: about ten minutes
# make clean        removes what the others made

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUMMARY := build/pytest-summary.txt

.PHONY: help demo test torture check screenshot tables bench clean

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "runicorn-tui needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/.check: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group check
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/runicorn-tui demo --dir .demo

test: $(VENV)/.test
	@mkdir -p build
	$(BIN)/coverage erase
	@# What is measured is api/ and db/, of which the terminal's tests would be half as slow again.
	$(BIN)/pytest -m "not alone" -n 4 --dist worksteal tests/tui 2>&1 | tee build/pytest.txt
	$(BIN)/coverage run -m pytest -m "not alone" -n 4 --dist worksteal --ignore tests/tui 2>&1 | tee -a build/pytest.txt
	$(BIN)/coverage run -m pytest -m alone 2>&1 | tee -a build/pytest.txt
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@grep -E '^=+ .*(passed|failed|error|skipped).* =+$$' build/pytest.txt | tee $(SUMMARY)

torture: $(VENV)/.test
	TORTURE=1 $(BIN)/pytest -m torture -n 2 --dist worksteal --timeout 86400

check: $(VENV)/.check $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	@rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

screenshot: $(VENV)/.installed
	$(BIN)/python docs/make_screenshot.py

tables: $(VENV)/.installed
	$(BIN)/python docs/make_tables.py

bench: $(VENV)/.test
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	for n in 10000 100000 1000000; do $(BIN)/python benchmarks/make_index.py $$n --db "$$scratch/$$n.db"; done; \
	$(BIN)/python benchmarks/ingest.py 10000; \
	$(BIN)/python benchmarks/figures.py 10000; \
	$(BIN)/python benchmarks/queries.py "$$scratch/10000.db" "$$scratch/100000.db" "$$scratch/1000000.db"; \
	$(BIN)/python benchmarks/series.py; \
	$(BIN)/python benchmarks/http_load.py; \
	$(BIN)/python benchmarks/http_load.py --index "$$scratch/1000000.db"; \
	$(BIN)/python benchmarks/restart.py "$$scratch/100000.db"; \
	$(BIN)/python benchmarks/terminal.py "$$scratch/1000000.db"

clean:
	rm -rf $(VENV) build dist .demo .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis .import_linter_cache
