# Everything happens in .venv, which the first target you run makes; each target adds only what it needs.
PYTHON ?= python3
BIN = .venv/bin
DOCS =
ASK =
SECONDS = 60

.DEFAULT_GOAL = help
.PHONY: help demo test record peers compatibility faults check format bench fuzz wheel clean

help:
	@echo "make demo              the tour: RAG, chat and agents over documents, against the emulator"
	@echo "                       [DOCS=folder of your documents] [ASK=question about them]"
	@echo "make test              the whole test suite"
	@echo "make record            re-record the cassettes [LIVE=1: those of your own endpoint]"
	@echo "make peers             the tests with third-party clients and servers"
	@echo "make compatibility     the same; writes docs/compatibility.md"
	@echo "make faults            hundreds of faults, for this library and its peers; writes docs/reliability.md"
	@echo "make check             ruff, mypy, pyright, and the import rule"
	@echo "make format            what ruff can fix by itself"
	@echo "make bench             what this library costs compared with its peers; writes docs/performance.md"
	@echo "make fuzz              endless random inputs against everything that reads answers"
	@echo "                       [SECONDS=60 for each target]"
	@echo "make wheel             wheel and sdist, in dist/"
	@echo "make clean             remove the environments and everything built"

demo: .venv/.demo
	@$(BIN)/python examples/demo.py $(if $(DOCS),--docs "$(DOCS)") $(if $(ASK),--ask "$(ASK)")

test: .venv/.test
	@$(BIN)/python -m pytest -m "not shared and not peers"

record: .venv/.test
	@$(if $(LIVE),,$(PYTHON) scripts/servers.py)
	@$(BIN)/python -m tests.contract.record $(if $(LIVE),--live)

peers: .venv-langchain-peers/.made
	@$(PYTHON) scripts/servers.py
	@.venv-langchain-peers/bin/python -m pytest -m peers tests/peers

compatibility: .venv-langchain-peers/.made
	@$(PYTHON) scripts/servers.py
	@.venv-langchain-peers/bin/python -m tests.peers docs/compatibility.md

faults: .venv-langchain-peers/.made .venv-llamaindex-peers/.made
	@$(PYTHON) -m tests.faults

check: .venv/.check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-logo

format: .venv/.check
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv-langchain-peers/.made .venv-llamaindex-peers/.made
	@$(PYTHON) -m benchmarks

fuzz: .venv-fuzz/.made
	@.venv-fuzz/bin/python -m fuzz --seconds $(SECONDS)

wheel: .venv/.test
	@$(BIN)/hatchling build

clean:
	rm -rf .venv .venv-* .servers dist .*_cache .hypothesis .benchmarks

# Environments of their own, for what would not fit into .venv.
.venv-%/.made: pyproject.toml scripts/environment.py
	@$(PYTHON) scripts/environment.py $* .venv-$*
	@touch $@

# The stamp of a dependency group: the group is installed again when its list of packages may have changed.
.venv/.%: pyproject.toml scripts/environment.py
	@command -v $(PYTHON) >/dev/null || { echo "error: there is no $(PYTHON) here; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) scripts/environment.py $*
	@touch $@
