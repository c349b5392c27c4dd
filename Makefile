# The doors of the project. `make run` and `make test` do all of their own set-up.

TARGET  := $(or $(CARGO_TARGET_DIR),target)/debug
VENV    := $(CURDIR)/.venv
PYTHON  := $(VENV)/bin/python
# Tests at once: many of them wait for a server or a clock.
WORKERS := $(shell echo $$(( 2 + $$(nproc 2>/dev/null || sysctl -n hw.ncpu) )))
# Where the program and the tests find XGBoost and the Python packages.
export VIRTUAL_ENV := $(VENV)
export PATH := $(VENV)/bin:$(PATH)
export XTREAM_BIN := $(abspath $(TARGET)/xtream)

.PHONY: run test build build-all lint rust-tests python-tests module chromium soak integration bench bench-core bench-search bench-serve bench-python deb

## Answer over HTTP; where no model is there yet, train on the public data meanwhile.
run: build $(VENV)/xgboost.done
	$(TARGET)/xtream serve --train data/diamonds.csv

## Everything that must hold. What is fetched is fetched while the rest is built, and the module is built while the tests in
## Rust wait for their clocks.
test:
	$(MAKE) -j3 build-all $(VENV)/test.done chromium
	$(MAKE) -j2 rust-tests module
	$(MAKE) python-tests

build:
	cargo build

# What the tests need of Rust, in one go: the program, their own programs, and the examples that they run.
build-all:
	cargo build --lib --bins --tests --example score_trees --example value_stones

rust-tests: build-all $(VENV)/test.done
	XTREAM_XGBOOST_LIB=$$(echo $(VENV)/lib/python3*/site-packages/xgboost/lib/libxgboost.*) RUST_TEST_THREADS=$(WORKERS) \
	  cargo test --lib --bins --tests

# Those that measure time or memory come one by one at the end. The slowest are printed.
python-tests: build-all module chromium
	$(PYTHON) -m pytest -q -n $(WORKERS) --dist worksteal --durations 15 -m "not alone" tests
	$(PYTHON) -m pytest -q --durations 5 -m alone $(shell grep -lr 'mark.alone' --include='test_*.py' tests)

## The browser that the pages are tested in; where it cannot be installed, those tests say that they are skipped.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q chromium; \
	  else echo "There is no Chromium; 'sudo apt-get install chromium' has the pages tested too."; fi

## What takes long: ten million rows, hundreds of kills, thousands of power cuts, a thousand swaps, thousands of made-up
## requests.
## docs/soak.md has the last results.
soak: build-all module
	XTREAM_SOAK=1 $(PYTHON) -m pytest -q -s tests/soak $(shell grep -lr 'in_soak()' --include='test_*.py' tests)

## Stones priced by Ray and by Spark on this machine, in an environment of its own; Spark needs Java 17. The suite has
## the same on Dask.
integration: module
	python3 -m venv target/integration
	target/integration/bin/python -m pip install --quiet -r tests/integration/requirements.txt
	PYTHONPATH=$(CURDIR)/python target/integration/bin/python -m pytest -q tests/integration

## Everything that is measured beside its peers, one after the other, and all ratios with their goals as one
## table. Each part can be run by itself, and the table be printed again: benches/table.py. Let nothing else
## run meanwhile.
bench: bench-core bench-search bench-serve bench-python
	$(PYTHON) benches/table.py

# All of it in one call: packages by themselves would have other features of the libraries, and build them again.
RELEASE := cargo build --release -p xtream-cli -p xtream-core -p xtream-server --bins --examples

## Trees, similar stones, reading and pricing ten million rows, beside XGBoost's library, polars and pandas.
bench-core: $(VENV)/test.done
	$(RELEASE)
	$(PYTHON) benches/core/bench.py

## Our search and a whole run of training beside the notebook's, with Optuna: half an hour or more.
bench-search: $(VENV)/bench.done
	$(RELEASE)
	rm -f target/search.jsonl
	$(PYTHON) benches/search/bench.py
	$(PYTHON) benches/search/bench.py --busy
	$(PYTHON) benches/search/training.py

## The server beside its peers, in one run: docs/benchmarks.md has the last results.
bench-serve: $(VENV)/bench.done
	$(RELEASE)
	@command -v wrk >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -y -q wrk; }
	$(PYTHON) benches/serve/bench.py

## The Python module, into the project's own environment.
module: $(VENV)/test.done
	$(VENV)/bin/maturin develop --quiet --features pyo3/extension-module,whole-workspace

## The module beside pandas, scikit-learn and xgboost, in an environment of its own.
bench-python: $(VENV)/test.done
	rm -rf target/wheels
	$(VENV)/bin/maturin build --release --quiet --out target/wheels --features pyo3/extension-module,whole-workspace
	python3 -m venv target/bench
	target/bench/bin/pip install --quiet --force-reinstall target/wheels/*.whl pandas polars pyarrow scikit-learn xgboost-cpu==3.2.0
	target/bench/bin/python benches/python/bench.py

## A Debian package of the release build, in target/: docs/operations.md says what to do with it.
deb:
	$(RELEASE)
	packaging/build.sh $(dir $(TARGET))release/xtream $(dir $(TARGET))

## What the code must look like, and what it may be built on (deny.toml).
lint: $(VENV)/test.done
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PYTHON) -m pytest -q tests/test_licences.py
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; fi

$(PYTHON):
	@python3 -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q python3-venv && python3 -m venv $(VENV); \
	  else echo "Python cannot make environments here; 'sudo apt-get install python3-venv' mends it."; exit 1; fi; }

# Training needs XGBoost's library only, none of the packages that its Python side needs.
$(VENV)/xgboost.done: $(PYTHON)
	$(PYTHON) -m pip install --quiet --no-deps "xgboost-cpu==3.2.0"
	@touch $@

$(VENV)/test.done: $(PYTHON) tests/requirements.txt
	$(PYTHON) -m pip install --quiet -r tests/requirements.txt
	@touch $@ $(VENV)/xgboost.done

$(VENV)/bench.done: $(PYTHON) benches/requirements.txt
	$(PYTHON) -m pip install --quiet -r benches/requirements.txt
	@touch $@
