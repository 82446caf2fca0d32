# One verb, one command. Everything lives in .venv; nothing else is installed.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.graphrec-setup
NEO4J ?= deploy/neo4j/neo4j.sh

export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1
export PYTHONUTF8 := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test lint types format bench-models neo4j page-libraries clean

setup: $(STAMP) ## make .venv with everything

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 to 3.13, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "error: Python 3.11 to 3.13 is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: this Python has no venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "[1/3] creating $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "[2/3] installing uv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "[3/3] installing graphrec with all its parts: some 3.5 GB to fetch the first time, 7 GB on disk"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[train,text,neo4j]' --group dev
	@touch $@
	@echo "done: $(BIN)/graphrec"

demo: setup ## load the academy, train on Ray, serve, show a recommendation and a path
	@$(BIN)/graphrec demo

test: setup ## lint, types, import direction, and every test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest

lint: setup ## ruff and the import direction
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: setup ## mypy, strict
	@$(BIN)/mypy

format: setup ## rewrite the code in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench-models: setup ## make every model figure again, hours; make bench-models TABLES=mars: one
	@$(BIN)/python benchmarks/bench_models.py $(TABLES)
	@$(BIN)/python benchmarks/results_table.py

neo4j: ## start a local Neo4j from Maven Central (needs Java 17 and Maven)
	@$(NEO4J) start

page-libraries: ## fetch the page's graph-drawing libraries again (needs npm)
	@deploy/curriculum/fetch_libraries.sh

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
