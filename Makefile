# Last Unit. `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check audit format lock proof bench clean servers

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(DEMO_VENV)/.ready ## a whole store on this machine; ARGS="--seconds 60 --json" to end by itself
	@$(DEMO_VENV)/bin/lastunit demo $(ARGS)

test: $(VENV)/.ready servers ## the whole test suite, about a quarter of an hour on two cores
	@$(BIN)/python -m pytest -m "not proof" --hypothesis-profile ci -n 2 --dist worksteal $(ARGS)

check: $(VENV)/.ready ## ruff, mypy strict, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: $(VENV)/.ready ## known holes in what we ship, its parts (SBOM) and licences
	@$(BIN)/python deploy/audit.py --out artefacts

format: $(VENV)/.ready ## let ruff format and fix what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

proof: $(VENV)/.ready servers ## full counts and long outages; writes docs/proof/
	@mkdir -p artefacts
	-@$(BIN)/python -m pytest -m proof --timeout 7200 --junitxml artefacts/proof.xml $(ARGS)
	@$(BIN)/python deploy/record_proof.py artefacts/proof.xml docs/proof

bench: $(VENV)/.ready ## figures beside the peers, in one run
	@$(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.ready ## pin every package again, with hashes (names no index)
	@sh deploy/lock.sh

servers: ## the servers that the tests talk to (installed when root, else one line to type)
	@sh deploy/test-servers.sh

clean: ## remove the virtual environments and caches
	rm -rf $(VENV) $(DEMO_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis artefacts

$(VENV)/.ready: pyproject.toml requirements/dev.txt
	@sh deploy/venv.sh $(PYTHON) $(VENV) requirements/dev.txt

$(DEMO_VENV)/.ready: pyproject.toml requirements/demo.txt
	@sh deploy/venv.sh $(PYTHON) $(DEMO_VENV) requirements/demo.txt
