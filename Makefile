# Everything stands on PYTHON (3.11 or later), a C compiler and make.
PYTHON ?= python3
VENV := .venv
PEER := .peer
BIN := $(VENV)/bin
SOURCES := $(wildcard cext/*.pyx cext/*.pxd cext/*.h) setup.py pyproject.toml

.PHONY: all demo batch-demo test regress regress-small bench man lint clean

all: $(VENV)/built

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" "cython>=3.1"
	touch $@

$(VENV)/built: $(VENV)/created $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[plot,test,lint]"
	touch $@

# The main job on simulated data: dithered raw exposures of a field, three stages, how true the outcome is, a picture.
demo: $(VENV)/built
	$(BIN)/python -m jwpipe.cli.demo demo-out

# Many exposures in one command: twelve of several instruments, one of them corrupt.
batch-demo: $(VENV)/built
	$(BIN)/python -m jwpipe.cli.batch_demo batch-demo-out

test: $(VENV)/built
	$(BIN)/python -m pytest -m "not peer"

# jwst 1.14.1 beside jwpipe, in an environment of its own (see the pins' reasons in PARITY.md).
$(PEER)/created:
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet "jwst==1.14.1" "crds==11.17.22" "drizzle<2" "astropy<7" pysiaf
	touch $@

regress: $(VENV)/built $(PEER)/created
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python -m pytest -m peer tests/peer
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python tests/peer/regress.py --all
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python tests/peer/regress_image.py --all

regress-small: $(VENV)/built $(PEER)/created
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python -m pytest -m peer tests/peer
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python tests/peer/regress.py
	JWPIPE_PEER=$(abspath $(PEER))/bin/python $(BIN)/python tests/peer/regress_image.py

$(PEER)-newest/created:
	$(PYTHON) -m venv $(PEER)-newest
	$(PEER)-newest/bin/python -m pip install --quiet jwst
	touch $@

bench: $(VENV)/built $(PEER)/created $(PEER)-newest/created
	$(BIN)/python benchmarks/detector1.py --peer 1.14.1=$(PEER)/bin/python --peer newest=$(PEER)-newest/bin/python
	$(BIN)/python benchmarks/image.py --peer 1.14.1=$(PEER)/bin/python --peer newest=$(PEER)-newest/bin/python

man: $(VENV)/built
	$(BIN)/python -m jwpipe.cli.manual man

lint: $(VENV)/built
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH=$(abspath $(BIN)):$$PATH cython-lint cext

clean:
	rm -rf build dist *.egg-info demo-out batch-demo-out regress-out bench-out jwpipe/cext/*.so .pytest_cache .hypothesis .ruff_cache
	rm -rf $(VENV) $(PEER) $(PEER)-newest
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
