# Everything sets itself up: python3 (3.11 or later), git and make are all that must be there.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install repro test faults lint bench clean

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "tugantel needs Python 3.11 or later; name one with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

repro: $(INSTALLED)  ## run what has changed, then the table of results
	@$(BIN)/tugantel repro

test: $(INSTALLED)  ## under ten minutes on two cores
	$(BIN)/python -m pytest -m "not faults"

faults: $(INSTALLED)  ## kill, corrupt, fill the disk: longer
	$(BIN)/python -m pytest -m faults

lint: $(INSTALLED)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## speed and memory, as ratios within one run; parts: make bench PARTS="cleaning scaling"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock --editable '.[bench]'
	$(BIN)/python -m tests.bench $(PARTS)

clean:  ## forget what the stages made, but not the environment
	rm -rf data reports/figures checkpoints runs wandb
