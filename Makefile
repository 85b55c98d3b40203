# make thesis   run every chapter of a profile (PROFILE=smoke by default) and gather the results
# make pdf      the LaTeX document of a profile's results, after make thesis (needs latexmk)
# make book     build the site of all chapters again; make thesis does it too
# make test     run the test suite
# make drill    kill, flip, cut and fill disks at length, with a report (an hour; the tests do it short)
# make fuzz     give every reader 100,000 damaged files
# make audit    known advisories of the pinned packages, where they can be asked for
# make test-gpu run every kernel against its definition, on a GPU
# All build .venv from requirements.lock first, if it is not there or the lock file changed: pinned,
# with hashes.

PROFILE ?= smoke
PYTHON ?= python3
BIN := .venv/bin
QUIET := --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: thesis book pdf test drill fuzz audit test-gpu git lab check clean

thesis: .venv/ready
	@brnb check
	@snakemake --config profile=$(PROFILE)
	@brnb report --profile $(PROFILE)
	@brnb book --profile $(PROFILE)

book: .venv/ready
	@brnb book --profile $(PROFILE)

pdf: .venv/ready
	@brnb report --profile $(PROFILE)
	@brnb pdf --profile $(PROFILE)

test: .venv/ready
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	brnb check
	pytest -n 2 --dist loadfile --no-loadscope-reorder

drill: .venv/ready
	BRNB_DRILL=100 pytest tests/faults -k 'not fuzz' -p no:xdist

fuzz: .venv/ready
	BRNB_FUZZ=100000 pytest tests/faults/test_faults_fuzz.py -p no:xdist

audit:
	.ci/audit

# Where there is a GPU: what `make test` skips.
test-gpu: .venv/ready
	@python -c 'import torch; torch.cuda.is_available() or exit("test-gpu: PyTorch sees no GPU here")'
	pytest tests/ops

# Once a clone: readable differences and merges of notebooks, outputs left out, checks before a commit.
git: .venv/ready
	nbdime config-git --enable
	git config filter.nbstripout.clean '"$(CURDIR)/$(BIN)/nbstripout"'
	git config filter.nbstripout.smudge cat
	pre-commit install

# JupyterLab in Portuguese, for this machine only and with a token; params/ and reports/ are beside.
lab: .venv/ready
	JUPYTER_CONFIG_PATH='$(CURDIR)/profiles/jupyter' jupyter lab --ServerApp.ip=127.0.0.1 \
		--ServerApp.allow_remote_access=False --LabApp.default_url=/lab/tree/notebooks

check: .venv/ready
	brnb check
	brnb status --profile $(PROFILE)

# Everything that can be made again but is not a result: checkpoints and caches.
clean:
	@[ ! -x $(BIN)/python ] || $(BIN)/python -c 'import pathlib, sys; from brnb.locks import holders; \
		sys.exit("\n".join(holders(pathlib.Path("work"))) or 0)'
	rm -rf work .snakemake

.venv/ready: requirements.lock requirements-cuda.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "Python 3.11.5 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(QUIET) --no-deps --require-hashes -r requirements.lock
	@if $(BIN)/python -c 'from importlib.metadata import version; exit("+cpu" in version("torch"))'; \
		then $(BIN)/pip install $(QUIET) --no-deps --require-hashes -r requirements-cuda.lock; fi
	$(BIN)/pip install $(QUIET) --no-deps --editable .
	mkdir -p .venv/etc/ipython && cp profiles/ipython_kernel_config.py .venv/etc/ipython
	touch $@
