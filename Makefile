# Two commands do everything on a machine that has only Python and make:
#   make run    set up what is missing, then show the screen
#   make test   set up what is missing, then run every test
# Set-up happens once, and again when requirements.lock or pyproject.toml changes.

PYTHON ?= python3
ARGS ?=
SEEDS ?= 200
SEED ?=
FIRST ?= 0
N ?= 50
S ?= 60
CELL ?=
KILLS_SEED ?= 7
# Tests wait for processes and sockets as much as they compute: four keep two cores busy.
WORKERS ?= 4
HOURS ?= 24
SPEED ?= 60
OUT ?= .

VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find engine storage tui tests -name '*.py' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help run setup test check format bench docs walk sim soak kills sequences fuzz clients lock clean

help: ## say what each target does
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: setup ## run pilothouse: make run ARGS="status --json"
	@$(BIN)/pilothouse $(ARGS)

setup: $(VENV)/.compiled ## make the environment that the other targets need

$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is" "$$($(PYTHON) -V)" >&2; exit 1; }
	@echo "Setting up $(VENV), about a minute, once" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

# A third of a start, where the environment keeps Python from noting it by itself.
$(VENV)/.compiled: $(VENV)/.installed $(SOURCES)
	@$(BIN)/python -m compileall -q engine storage tui tests
	@touch $@

test: setup ## run the tests: make test ARGS="-k fill"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: setup ## formatting, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## format the code and repair what lint can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## measure against the targets, nothing else running
	@$(BIN)/python -m pytest -n 0 -m bench -s $(ARGS)

docs: setup ## make the pictures and tables of docs/ again, from the snapshot tests
	@$(BIN)/python -m tests.docs.pages

walk: setup ## walk over every pane in tmux and compare each number with --json: make walk OUT=.
	@$(BIN)/python -m tests.walk $(OUT)

sim: setup ## random faults, a fifth of a second of a core each: make sim SEEDS=10000 FIRST=0, or SEED=7
	@PILOTHOUSE_SIM_SEEDS=$(SEEDS) PILOTHOUSE_SIM_FIRST=$(FIRST) PILOTHOUSE_SIM_SEED=$(SEED) \
		$(BIN)/python -m pytest -q -m sim -n $(if $(SEED),0,$(WORKERS) --maxschedchunk=1) \
		tests/simulation $(ARGS)

soak: setup ## hours at a practice gateway, faults and a night: make soak HOURS=24 SPEED=60
	@PILOTHOUSE_SOAK_HOURS=$(HOURS) PILOTHOUSE_SOAK_SPEED=$(SPEED) \
		$(BIN)/python -m pytest -n 0 -m soak -s -q tests/soak $(ARGS)

kills: setup ## kill N engines, offline and at a gateway, a second of a core each: make kills N=200, or CELL=a/b/c/d
	@PILOTHOUSE_KILLS=$(if $(CELL),1,$(N)) PILOTHOUSE_KILLS_CELL="$(CELL)" PILOTHOUSE_KILLS_SEED=$(KILLS_SEED) \
		$(BIN)/python -m pytest -q -m kills \
		$(if $(CELL),-n 0 tests/kills/matrix,-n $(WORKERS) --maxschedchunk=1 tests/kills) $(ARGS)

sequences: setup ## permute and repeat what a broker says in N ways: make sequences N=5000
	@PILOTHOUSE_SEQUENCES=$(N) $(BIN)/python -m pytest -n 0 tests/engine/ibkr/test_sequences.py $(ARGS)

fuzz: setup ## throw random frames at the practice gateway for S seconds: make fuzz S=60
	@PILOTHOUSE_FUZZ_S=$(S) $(BIN)/python -m pytest -n 0 -m fuzz $(ARGS)

clients: setup ## fetch other people's TWS clients, for the gateway's tests (the last needs npm)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target .clients/python ibapi==9.81.1.post1
	@npm install --silent --no-audit --no-fund --prefix .clients \
		@stoqey/ib@1.6.10 ib-tws-api@1.3.0

lock: ## pin every dependency again (the only target that needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --fork-strategy fewest \
		--no-header --extra dev $(ARGS) pyproject.toml --output-file requirements.lock
	@! grep -nE '://' requirements.lock

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf build dist *.egg-info .coverage .coverage.* htmlcov snapshot_report.html
	find engine storage tui tests -name __pycache__ -type d -prune -exec rm -rf {} +
