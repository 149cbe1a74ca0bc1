# Python 3.11 or newer and make are all that these targets need; everything else goes into .venv.

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint format types fast airflow soak lock bench clean

JOBS ?= 2
SEEDS ?= 10000
FIRST ?= 0
# The others build or check tables for a release, and say in their first lines what they need beyond the lock.
BENCHMARKS = $(filter-out %/table.py %_build.py %_measure.py, $(sort $(wildcard benchmarks/*.py)))
PYTHONS := python3.11 python3.12 python3.13 python3
RUNS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

# The stamp carries the checksum of what was installed: a changed lock installs again, anything else does not.
INSTALLED := .venv/installed-$(firstword $(shell cat requirements.txt pyproject.toml | cksum))

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Install exactly requirements.txt and the outcamp command into .venv

demo: setup ## Run one campaign from start to end in a real Airflow on this machine, and print its funnel
	@.venv/bin/outcamp demo $(ARGS)

up: setup ## Keep Airflow and Postgres running on this machine, with the UI, until Ctrl-C
	@.venv/bin/outcamp up $(ARGS)

test: lint types fast airflow ## Check everything: ruff, mypy, pytest

lint: setup ## Check the style with ruff
	.venv/bin/ruff check .
	.venv/bin/ruff format --check --quiet . || { echo "  Next: make format"; exit 1; }

format: setup ## Put every file into ruff's form, and mend what it can mend
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

types: setup ## Check the types with mypy
	.venv/bin/mypy

fast: setup ## Run pytest without a running Airflow; make fast ARGS="-k limits" chooses
	.venv/bin/pytest -n $(JOBS) --dist worksteal --ignore tests/in_airflow --ignore tests/in_browser $(ARGS)

airflow: setup ## Run pytest in a running Airflow, and in a browser in front of it: one deployment at a time
	.venv/bin/pytest tests/in_airflow $(ARGS)
	.venv/bin/pytest tests/in_browser $(ARGS)

soak: setup ## Look for seeds that break the promise, on all cores; make soak SEEDS=100000 FIRST=2000 chooses
	PYTHONPATH=tests .venv/bin/python -m faults.soak $(SEEDS) --first $(FIRST)

lock: setup ## Renew requirements.txt after a change to the dependencies in pyproject.toml
	.venv/bin/uv pip compile pyproject.toml --extra dev --extra aws --python-version 3.11 --no-header --no-emit-index-url -q -o requirements.txt

bench: setup ## Run the benchmarks and print what they measured; make bench BENCHMARKS=benchmarks/phones.py chooses
	@for script in $(BENCHMARKS); do echo "== $$script"; .venv/bin/python "$$script" || exit 1; done

clean: ## Remove .venv and what the tools left behind
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pyenv leaves commands on the PATH that only say that they are not there, and Debian a Python without venv: so each one is tried.
.venv/bin/python:
	@for python in $(PYTHONS); do \
	    if $$python -c '$(RUNS)' >/dev/null 2>&1; then echo "Making .venv with $$($$python --version)"; exec $$python -m venv .venv; fi; \
	done; \
	echo "outcamp needs Python 3.11 or newer with its venv module, and none of these is one: $(PYTHONS)."; \
	echo "  Next: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name yours: make setup PYTHONS=/path/to/python3"; \
	exit 1

# hatchling is in the lock too: without build isolation nothing is installed that the lock does not name.
$(INSTALLED): .venv/bin/python
	@echo "Installing requirements.txt into .venv; this takes a minute or two the first time"
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/installed-* && touch $@
