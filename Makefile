# One line a target, run in the project's own .venv, which is made on demand and again when a lock changes.
.DEFAULT_GOAL := help
.PHONY: help setup lint check test golden ledgers crash simulate planted guards tables tamper demo bench build lock
SHELL := /bin/bash
BIN := .venv/bin
# One thread a library: two test workers and a solver must not fight for the same cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export NUMBA_NUM_THREADS := 1
# Byte code is kept: tests start hundreds of short processes, and each would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE
KILLS ?= 200
SEEDS ?= 2000
TABLES ?= 10000
TAMPER ?= 1000
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --fork-strategy fewest --group install

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do printf '%-12s %s\n' "$$target" "$$text"; done

setup: .venv/.dev ## make .venv with everything for development

lint: .venv/.dev ## format, lint, types and import contracts
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

check: lint ## lint and the fast tests, under a minute
	FEWER_EXAMPLES=1 $(PYTEST) -q -m "not slow" $(ARGS)

test: lint ## lint and every test
	$(PYTEST) $(ARGS)

golden: .venv/.dev ## the golden cases: events in, decisions out; ACCEPT=1 keeps what is told now
	GOLDEN_ACCEPT=$(ACCEPT) $(PYTEST) -q tests/golden $(ARGS)

ledgers: .venv/.dev ## keep ledgers of this version for the tests of later ones; once a release
	$(BIN)/python -m tests.golden_ledgers.make

crash: .venv/.dev ## kill runs over files, then over Kafka, at random KILLS=200 times and compare with undisturbed ones
	$(BIN)/python -m tests.crash.all_kills $(KILLS)

simulate: .venv/.dev ## SEEDS=2000 stories in which everything around the engine fails, by chance
	$(BIN)/python -m tests.simulation.simulate $(SEEDS) $(ARGS)

planted: .venv/.dev ## bugs planted on purpose: which story catches each
	$(BIN)/python -m tests.simulation.planted $(ARGS)

guards: .venv/.dev ## bugs of authority planted on purpose: which test catches each
	$(BIN)/python -m tests.planted_authority $(ARGS)

tamper: .venv/.dev ## TAMPER=1000 changes of a ledger that must be found, and as many ledgers that must hold
	$(BIN)/python -m tests.tampering $(TAMPER) --clean $(TAMPER) $(ARGS)

tables: .venv/.dev ## TABLES=10000 random decision tables: proof, search and engine beside trying every case
	$(BIN)/python -m tests.tables_by_force $(TABLES) $(ARGS)

demo: .venv/.runtime ## a year of real sales through the whole loop; flags in ARGS="--no-serve"
	$(BIN)/replan demo $(ARGS)

bench: .venv/.runtime ## the measures, as ratios within one run
	$(BIN)/replan bench $(ARGS)

build: .venv/.dev ## sdist and wheel into dist/
	rm -rf build dist && $(BIN)/python -m build --no-isolation --outdir dist .

lock: .venv/.dev ## write both lock files again after a change of the dependencies; UPGRADE=--upgrade takes newer ones
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements.lock && $(LOCK) $(UPGRADE) --group dev --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

.venv/.runtime: requirements.lock pyproject.toml .ci/venv
	@.ci/venv requirements.lock && touch $@

.venv/.dev: requirements-dev.lock pyproject.toml .ci/venv
	@.ci/venv requirements-dev.lock && touch .venv/.runtime $@
