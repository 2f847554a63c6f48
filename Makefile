PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-long lint bench notebooks notebooks-check docs clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.installed  ## Set up, then run the whole story on the embedded data
	$(BIN)/resprobe demo --out demo

test: $(VENV)/.installed-dev  ## Set up, then run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-long: $(VENV)/.installed-dev  ## The tests that take minutes
	$(BIN)/python -m pytest -m long

lint: $(VENV)/.installed-dev  ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench  ## Speed against the naive way and the peers, side by side
	$(BIN)/python -m pytest benchmarks -q --results benchmarks/results

notebooks: $(VENV)/.installed-dev  ## Run the notebooks again, with what they show
	$(BIN)/python notebooks/run.py --jobs 2

notebooks-check: $(VENV)/.installed-dev  ## Run them and keep nothing: does every cell work?
	$(BIN)/python notebooks/run.py --check --jobs 2

docs: $(VENV)/.installed-docs  ## Build the site, docs/_build/html/index.html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -j auto docs docs/_build/html

$(VENV)/.installed-bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev,peers]'
	@touch $@ $(VENV)/.installed-dev $(VENV)/.installed

clean:  ## Remove what the other targets made
	rm -rf $(VENV) demo docs/_build docs/generated

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev,docs]'
	@touch $@ $(VENV)/.installed-dev $(VENV)/.installed
