# Everything a developer does here. Python tools live in .venv, made on demand.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CARGO_TEST := $(shell command -v cargo-nextest >/dev/null 2>&1 && echo "nextest run --no-fail-fast" || echo test)

# The interpreter that pyo3 looks at, said as maturin says it.
export PYO3_PYTHON := $(abspath $(BIN))/python
export PYO3_ENVIRONMENT_SIGNATURE := cpython-3.11-64bit

.PHONY: help demo test test-rust test-python lint bench python clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "They need a Rust toolchain, gcc and $(PYTHON). What they install goes into $(VENV) and target;"
	@echo "Rust crates and Python packages come from the registries that cargo and pip are set up with."

demo: python ## joint credit-risk model on real data, in threads, in processes over TLS, with nobody knowing the common rows, with differential privacy
	@mkdir -p target
	$(BIN)/python examples/joint_risk.py --picture target/joint_risk.png
	@echo
	@echo "--- the same with three processes over mutual TLS ---"
	$(BIN)/python examples/joint_risk.py --processes --picture target/joint_risk_processes.png
	@echo
	@echo "--- the same, and nobody learns which customers the banks have in common ---"
	$(BIN)/python examples/joint_risk.py --align hidden --picture target/joint_risk_hidden.png
	@echo
	@echo "--- the same aim with differential privacy: what leaves are counts with noise ---"
	$(BIN)/python examples/joint_risk.py --epsilon 1

test: test-rust test-python ## all tests: Rust, documentation examples, Python, stubs

test-rust: $(STAMP) ## Rust tests and documentation examples
	cargo $(CARGO_TEST) --release --workspace
	cargo test --release --workspace --doc

test-python: python ## Python tests, docstrings and stubs
	$(BIN)/python -m pytest bindings/python

lint: $(STAMP) ## formatting, clippy, rustdoc, ruff and mypy; changes nothing
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps
	$(BIN)/ruff check --config bindings/python/pyproject.toml bindings/python examples
	$(BIN)/ruff format --check --config bindings/python/pyproject.toml bindings/python examples
	$(BIN)/mypy --config-file bindings/python/pyproject.toml bindings/python/python/privity

bench: ## criterion benches of every layer (long)
	cargo bench --workspace

# Not a file target on purpose: cargo knows better than make whether anything changed.
python: $(STAMP) ## build the package privity into .venv
	@echo "building the Python package (cargo, release)"
	cd bindings/python && VIRTUAL_ENV=$(abspath $(VENV)) $(abspath $(BIN))/maturin develop --release --quiet

$(STAMP): bindings/python/requirements-dev.txt
	@echo "making $(VENV) and installing bindings/python/requirements-dev.txt into it"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r bindings/python/requirements-dev.txt
	@touch $@

clean: ## remove .venv and target
	rm -rf $(VENV) target
