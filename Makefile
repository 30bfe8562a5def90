# The commands of the project; `make` alone lists them.
# Settings pass through: make run PORT=8123 PORTAL_HOME=/some/folder PORTAL_SAMPLE=0

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes

# Folders and sizes for benchmarks and screenshots; override them on the command line.
# make bench ARGS=--quick runs one short round and prints the tables without writing them.
SCREENSHOTS ?= screenshots
VIEWS ?= desktop-light desktop-dark phone-light phone-dark
BENCH_HOME ?= .bench
EVENTS ?= 5000000
EXAMPLES ?= 200
# Parallel test processes: one more than processors, since some tests wait, and at most four.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(4, 1 + (os.cpu_count() or 1)))")
MINUTES ?= 10
SECONDS ?= 60
KINDS ?= forms verification open bodies

.DEFAULT_GOAL := help
.PHONY: help run test test-quick fuzz lint format requirements guard-expectations screenshots bench bench-pages soak floods clean-venv

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run  ## start the portal on http://127.0.0.1:8000 (PORT, PORTAL_HOME, PORTAL_SAMPLE)
	@exec $(BIN)/python manage.py portal

test: $(VENV)/.dev  ## run every test on all processors; skipped tests are listed with the reason
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-quick: $(VENV)/.dev  ## run the quick tests: no browser, no portal processes, no crashes
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(ARGS)

fuzz: $(VENV)/.dev  ## fuzz the API and run the ledger's model test with EXAMPLES examples each
	@FUZZ_EXAMPLES="$(EXAMPLES)" $(BIN)/python -m pytest -q --show-capture=no $(ARGS) \
	  observers/tests/api/test_api_fuzzed.py observers/tests/verification/test_ledger_follows_its_model.py

lint: $(VENV)/.dev  ## check style, types, imports, templates and the layout of the source
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python -m bench.layout

format: $(VENV)/.dev  ## fix style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One command compiles all three files; the last two take their versions from the first.
# Pins are kept where they still fit; make requirements ARGS=--upgrade renews them.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-emit-index-url

requirements: $(VENV)/.dev  ## compile all requirements*.txt from pyproject.toml (ARGS=--upgrade for new versions)
	@$(COMPILE) $(ARGS) -o requirements.txt
	@$(COMPILE) $(ARGS) --group dev -c requirements.txt -o requirements-dev.txt
	@$(COMPILE) $(ARGS) --group bench -c requirements.txt -o requirements-bench.txt

guard-expectations: $(VENV)/.dev  ## regenerate what check_guards expects, from a freshly migrated ledger
	@home=$$(mktemp -d) && chmod 755 "$$home" && trap 'rm -rf "$$home"' EXIT && \
	  PORTAL_HOME="$$home" $(BIN)/python manage.py guard_expectations --write

screenshots: $(VENV)/.dev  ## save screenshots of every page in SCREENSHOTS, each in all VIEWS
	@SCREENSHOTS="$(SCREENSHOTS)" VIEWS="$(VIEWS)" $(BIN)/python -m pytest -q observers/tests/browser/screenshots.py

bench: $(BENCH_VENV)/.bench  ## run all benchmarks, also of the peers, and update bench/README.md (EVENTS, BENCH_HOME, ARGS=--quick)
	@PORTAL_HOME="$(BENCH_HOME)" $(BENCH_VENV)/bin/python -m bench.fill --events $(EVENTS) --unless-filled
	@PORTAL_HOME="$(BENCH_HOME)" $(BENCH_VENV)/bin/python -m bench.run $(ARGS)

bench-pages: $(VENV)/.dev  ## time the pages over EVENTS events, kept in BENCH_HOME; see bench/README.md
	@PORTAL_HOME="$(BENCH_HOME)" $(BIN)/python -m bench.fill --events $(EVENTS) --unless-filled
	@PORTAL_HOME="$(BENCH_HOME)" $(BIN)/python -m bench.pages --write

soak: $(VENV)/.dev  ## load a portal for MINUTES, kill its processes every minute, check that nothing is lost
	@exec $(BIN)/python -m bench.soak --minutes $(MINUTES) $(ARGS)

floods: $(VENV)/.dev  ## flood a portal for SECONDS with each of KINDS and measure a writer meanwhile
	@exec $(BIN)/python -m bench.floods --seconds $(SECONDS) --kind $(KINDS) $(ARGS)

clean-venv:  ## remove the virtual environments; the next command recreates them
	rm -rf $(VENV) $(BENCH_VENV)

# A Python that was moved or removed leaves a dead link in the environment: recreate it.
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && echo runs),runs)
.PHONY: $(VENV)/.python
endif

# The stamp file is written last, so an interrupted install is repeated.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: $(PYTHON) is not Python 3.11 or newer; choose one that is: make run PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements.txt $(VENV)/.python
	@echo "Installing the pinned packages into $(VENV) …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.python
	@echo "Installing the pinned packages for tests into $(VENV) …"
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.run

# The portal's packages plus the peers that the benchmarks compare it with.
$(BENCH_VENV)/.bench: requirements-bench.txt $(VENV)/.python
	@echo "Installing the pinned packages for the bench into $(BENCH_VENV) …"
	@rm -rf $(BENCH_VENV)
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-bench.txt
	@touch $@
