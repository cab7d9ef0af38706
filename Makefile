# What people, pre-commit and CI run. Needs make and Python 3.11, 3.12 or 3.13; `make help` lists the recipes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := embedded,baselines,docs,dev

# The first of these that is between 3.11 and 3.13; `make PYTHON=... venv` names another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$p && break; done)

# Real Apache Kafka for the tests: the environment's, or else what `make kafka` has put here.
ifeq ($(strip $(KAFKA_HOME)),)
ifneq ($(wildcard .kafka/libs),)
export KAFKA_HOME := $(CURDIR)/.kafka
endif
endif

# Every folder with tests, however deep. Fast ones first, so that a mistake shows early; of the others those first
# whose longest file takes longest, so that no process is left alone with it at the end.
TESTS := $(sort $(patsubst %/,%,$(dir $(shell find tests -name 'test_*.py'))))
FAST := $(filter tests/unit tests/unit/% tests/property tests/property/%,$(TESTS))
LONGEST := $(filter tests/studies/chaos tests/studies/quality,$(TESTS))
SLOW := $(LONGEST) $(filter-out $(FAST) $(LONGEST),$(TESTS))

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.PHONY: venv
venv: $(STAMP) ## .venv with tfstream, its pinned dependencies and the development tools

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "tfstream needs Python 3.11, 3.12 or 3.13: install one, or name it: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "installing into $(VENV): this takes some minutes" >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

.PHONY: demo
demo: $(STAMP) ## a simulated plant from its sensors to the report, nothing else installed
	$(BIN)/tfstream demo

# The fast tests compute: a process for each core. The slow ones wait for much of their time, for a broker's sessions
# and for one another's commands, so that more processes than cores take part; each with its commands needs about
# 2 GiB. A file stays whole, in one process: its tests share what they have made.
CORES := $(shell nproc 2>/dev/null || echo 2)
TEST_PROCESSES ?= $(CORES)
SLOW_TEST_PROCESSES ?= $(shell echo $$(( $(CORES) < 6 ? 2 * $(CORES) + 1 : 12 )))
PYTEST = $(BIN)/pytest --dist loadfile --no-loadscope-reorder
NONE_CHOSEN = [[ $$? -eq 5 && -n "$(PYTEST_ARGS)" ]]

# Without compiled files on disk each of the tests' hundreds of commands compiles tfstream again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test
test: $(STAMP) ## all tests, the fast ones first
	$(PYTEST) --numprocesses $(TEST_PROCESSES) $(FAST) $(PYTEST_ARGS) || $(NONE_CHOSEN)
	$(PYTEST) --numprocesses $(SLOW_TEST_PROCESSES) $(SLOW) $(PYTEST_ARGS) || $(NONE_CHOSEN)

.PHONY: test-fast
test-fast: $(STAMP) ## the tests that need no service
	$(PYTEST) --numprocesses $(TEST_PROCESSES) $(FAST) $(PYTEST_ARGS)

# The quality study: SEEDS fits of every file, DATA the folder of labelled data, PARTS its parts (default: all).
SEEDS ?= 3
DATA ?=
PARTS ?=
STUDY = $(BIN)/python -m tests.studies.quality --seeds $(SEEDS) $(if $(DATA),--data $(DATA))

.PHONY: quality
quality: $(STAMP) ## measure the detector and write docs/quality.md: SEEDS=3 DATA=folder PARTS="suites speed"; takes hours
	$(STUDY) $(PARTS)

.PHONY: ablation
ablation: $(STAMP) ## how much each idea of the detector contributes: only the study's part ablation
	$(STUDY) ablation

# The long form of the chaos suite: MINUTES of faults, in an order that SEED decides.
MINUTES ?= 30
SEED ?= 1

.PHONY: chaos
chaos: $(STAMP) ## inject faults and write docs/reliability.md: MINUTES=30 SEED=1; needs Apache Kafka
	$(BIN)/python -m tests.studies.chaos --minutes $(MINUTES) --seed $(SEED)

.PHONY: month
month: $(STAMP) ## simulate a month of nightly refits and write its section of docs/learning.md: SEED=1; needs Apache Kafka
	$(BIN)/python -m tests.studies.month --seed $(SEED)

# PARTS of the benchmark: scorer, detector, recorder, ... (default: all but runtimes).
.PHONY: bench
bench: $(STAMP) ## measure speed and write docs/performance.md: PARTS="scorer recorder"; needs Apache Kafka, and a quiet machine
	$(BIN)/python -m tests.studies.benchmark $(PARTS)

.PHONY: walkthrough
walkthrough: $(STAMP) ## run the commands of docs/walkthrough.md and write what they print: DATA=folder; needs Apache Kafka
	$(BIN)/python -m tests.studies.walkthrough $(or $(DATA),$(TFSTREAM_TEST_DATA),../shared/data)/skab

.PHONY: lint
lint: $(STAMP) ## ruff: mistakes and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMP) ## mypy, strict, tests included
	$(BIN)/mypy

.PHONY: layers
layers: $(STAMP) ## import-linter: the layers of docs/architecture.md
	$(BIN)/lint-imports

.PHONY: check
check: lint types layers ## all that reads the code without running it

# Material for MkDocs ends in May 2027, and says so at every build unless told not to; docs/dependencies.md has the plan.
.PHONY: docs
docs: $(STAMP) ## docs/ as a site in build/site; fails at any warning, as a dead link
	$(BIN)/python -m ops.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.PHONY: pictures
pictures: $(STAMP) ## draw the Mermaid blocks of docs/ that have changed, into docs/pictures
	$(BIN)/python -m pip install --quiet -c constraints.txt mermaidx
	$(BIN)/python -m ops.docs.draw

.PHONY: format
format: $(STAMP) ## rewrite the code in ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: kafka
kafka: .kafka/.complete ## Apache Kafka's own jars in .kafka, for the tests (needs Maven and Java 17)

.kafka/.complete: ops/kafka/pom.xml $(wildcard ops/kafka/config/*)
	rm -rf .kafka
	mvn --batch-mode --quiet --file ops/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/.kafka/libs"
	cp -R ops/kafka/config .kafka/config
	touch $@
	@echo "export KAFKA_HOME=$(CURDIR)/.kafka"

.PHONY: build
build: $(STAMP) ## the wheel, in dist/
	$(BIN)/python -m build --wheel

.PHONY: constraints
constraints: ## write constraints.txt from a fresh virtual environment
	@test -n "$(PYTHON)" || { echo "tfstream needs Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)" '.[$(EXTRAS),pictures]'
	{ grep '^#' constraints.txt; build/constraints/bin/python -m pip freeze --exclude tfstream \
		| sed -E 's/^(torch==[0-9.]+)\+.*/\1/'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

.PHONY: clean
clean: ## everything that these recipes have made, .venv and .kafka too
	rm -rf $(VENV) .kafka build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find tfstream tests migrations ops -name __pycache__ -type d -prune -exec rm -rf {} +
