# make thesis   run every chapter of a profile (PROFILE=smoke by default) and gather the results
# make test     run the test suite
# Both build .venv from requirements.lock first, if it is not there or the lock file changed.

PROFILE ?= smoke
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: thesis test lab check clean

thesis: .venv/ready
	@brnb check
	@snakemake --config profile=$(PROFILE)
	@brnb report --profile $(PROFILE)

test: .venv/ready
	ruff check .
	ruff format --check .
	mypy
	brnb check
	pytest

lab: .venv/ready
	jupyter lab notebooks

check: .venv/ready
	brnb check
	brnb status --profile $(PROFILE)

# Everything that can be made again but is not a result: checkpoints and caches.
clean:
	rm -rf work .snakemake

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "Python 3.11.5 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
