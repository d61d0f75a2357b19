# Thin names for plain commands: each target is something you can type yourself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The constraint reaches the build back ends too, so that nothing unpinned is installed.
PIP := PIP_CONSTRAINT=constraints.txt PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip

.PHONY: demo test check screenshots oracles clean

# What a user needs; made again whenever the pinned versions change. Nothing is compiled ahead: that is half of
# the install, and Python compiles (and keeps) a module when it is first imported.
$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --no-compile -e .
	touch $@

# What a developer needs on top.
$(VENV)/.dev: $(VENV)/.run
	$(PIP) install -e '.[dev,spark]'
	touch $@

demo: $(VENV)/.run
	$(BIN)/openkap serve --demo

test: $(VENV)/.dev
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/openkap check

# Pictures of the main pages from the demo clinic; needs Debian's chromium, takes some minutes.
screenshots: $(VENV)/.dev
	$(BIN)/python docs/screenshots/take.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Pinned results of R metafor and clubSandwich; needs r-cran-metafor, r-cran-metadat, r-cran-clubsandwich.
oracles:
	Rscript validation/metafor/pooling.R > tests/oracles/evidence/pooling.json
	Rscript validation/metafor/models.R > tests/oracles/evidence/models.json
