# The commands of the project; `make` alone lists them.
# Settings pass through: make run PORT=8123 PORTAL_HOME=/some/folder PORTAL_SAMPLE=0

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes

# Folders and sizes of what is measured and pictured; give others on the command line.
SCREENSHOTS ?= screenshots
BENCH_HOME ?= .bench
EVENTS ?= 5000000
EXAMPLES ?= 200
# Tests that run at a time: one more than processors, since some wait, and at most four.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(4, 1 + (os.cpu_count() or 1)))")
MINUTES ?= 10
SECONDS ?= 60
KINDS ?= forms verification open bodies

.DEFAULT_GOAL := help
.PHONY: help run test fuzz lint format guard-expectations screenshots bench bench-pages soak floods clean-venv

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run  ## start the portal on http://127.0.0.1:8000 (PORT, PORTAL_HOME, PORTAL_SAMPLE)
	@exec $(BIN)/python manage.py portal

test: $(VENV)/.dev  ## run every test, on all processors; what is skipped is listed with its reason
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(VENV)/.dev  ## run the fuzzing of the API and the model of the ledger at length, by EXAMPLES
	@FUZZ_EXAMPLES="$(EXAMPLES)" $(BIN)/python -m pytest -q --show-capture=no $(ARGS) \
	  observers/tests/test_api_fuzzed.py observers/tests/test_ledger_follows_its_model.py

lint: $(VENV)/.dev  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

guard-expectations: $(VENV)/.dev  ## write down what check_guards expects, from a freshly migrated ledger
	@home=$$(mktemp -d) && chmod 755 "$$home" && trap 'rm -rf "$$home"' EXIT && \
	  PORTAL_HOME="$$home" $(BIN)/python manage.py guard_expectations --write

screenshots: $(VENV)/.dev  ## picture every page into SCREENSHOTS, light and dark, desktop and phone
	@SCREENSHOTS="$(SCREENSHOTS)" $(BIN)/python -m pytest -q observers/tests/browser/screenshots.py

bench: $(BENCH_VENV)/.bench  ## measure everything, peers beside it, into bench/README.md (EVENTS, BENCH_HOME)
	@PORTAL_HOME="$(BENCH_HOME)" $(BENCH_VENV)/bin/python -m bench.fill --events $(EVENTS) --unless-filled
	@PORTAL_HOME="$(BENCH_HOME)" $(BENCH_VENV)/bin/python -m bench.run

bench-pages: $(VENV)/.dev  ## measure the pages over EVENTS events kept in BENCH_HOME; see bench/README.md
	@PORTAL_HOME="$(BENCH_HOME)" $(BIN)/python -m bench.fill --events $(EVENTS) --unless-filled
	@PORTAL_HOME="$(BENCH_HOME)" $(BIN)/python -m bench.pages --write

soak: $(VENV)/.dev  ## load a portal for MINUTES, kill its processes each minute, check that nothing is lost
	@exec $(BIN)/python -m bench.soak --minutes $(MINUTES) $(ARGS)

floods: $(VENV)/.dev  ## flood a portal for SECONDS in each of KINDS, and measure a writer beside each
	@exec $(BIN)/python -m bench.floods --seconds $(SECONDS) --kind $(KINDS) $(ARGS)

clean-venv:  ## remove the virtual environments; the next command makes them anew
	rm -rf $(VENV) $(BENCH_VENV)

# A Python that was moved or removed since leaves a dead link behind: begin again.
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && echo runs),runs)
.PHONY: $(VENV)/.python
endif

# A stamp is written last, so an interrupted install is simply done again.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: $(PYTHON) is not Python 3.11 or newer; say which one is: make run PYTHON=/path/to/python3" >&2; exit 2; }
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

# The peers that the bench measures beside the ledger, apart from what the portal runs on.
$(BENCH_VENV)/.bench: requirements-bench.txt $(VENV)/.python
	@echo "Installing the pinned packages for the bench into $(BENCH_VENV) …"
	@rm -rf $(BENCH_VENV)
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-bench.txt
	@touch $@
