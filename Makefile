# `make` alone lists the targets. Set-up that needs more than one line of shell is in tools/setup.sh.

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt requirements bench faults clean setup-demo setup-test
MAKEFLAGS += --no-print-directory
export PYTHONUTF8 := 1

DEMO := .venvs/demo/bin
TEST := .venvs/test/bin
ARGS ?=

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name does; do \
		printf '  make %-13s %s\n' "$$name" "$$does"; done

demo: setup-demo ## set up all that is missing, then show the gateway at work (ARGS="…" go to `lienthong demo`)
	@$(DEMO)/lienthong demo $(ARGS)

test: check ## set up all that is missing, then run the static checks and every test (ARGS="…" go to pytest)
	@$(TEST)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: setup-test ## static checks only: lint, format, types, import contracts
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	$(TEST)/mypy
	$(TEST)/lint-imports --no-logo

fmt: setup-test ## format the code and mend what lint can mend
	$(TEST)/ruff format .
	$(TEST)/ruff check --fix .

bench: setup-test ## measure speed, as ratios within one run (ARGS="…" go to the bench)
	@$(TEST)/python -m bench $(ARGS)

faults: setup-test ## every fault, real and simulated, and one table: lost, doubled, reordered, longest stall (ARGS="--list")
	@$(TEST)/python -m tests.faults $(ARGS)

clean: ## remove virtual environments, caches and built files; data/ stays
	rm -rf .venvs build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.git -prune -o -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

setup-demo setup-test: setup-%:
	@tools/setup.sh $*

# dev.txt pins everything; the other two repeat its pins for what they need.
UV ?= .venvs/lock/bin/uv
UPGRADE ?=
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --group build

requirements: $(UV) ## pin the requirements again with hashes (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) $(UPGRADE) --extra dev --extra production --output-file requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt --output-file requirements/base.txt
	$(COMPILE) --constraint requirements/dev.txt --extra production --output-file requirements/production.txt

.venvs/lock/bin/uv:
	@tools/setup.sh lock
