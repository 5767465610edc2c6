# make setup | setup-training | setup-view | demo [BAG=path] | test | lint | bench | docs | clean        PYTHON=python3.12 picks the Python.

PYTHON ?= python3
VENV := .venv/bin
OUT := out

# A sourced ROS installation would mix its packages, made for another Python, into those of .venv.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: setup setup-test setup-training setup-view demo test lint bench docs clean

# Each does only what is not done yet, so whatever needs it may always ask for it.
setup:
	@$(PYTHON) tools/setup_env.py

setup-training:
	@$(PYTHON) tools/setup_env.py training

setup-view:
	@$(PYTHON) tools/setup_env.py view

setup-test:
	@$(PYTHON) tools/setup_env.py test training view

demo: setup
	@$(VENV)/hand-pose demo --out $(OUT)/demo $(if $(BAG),"$(BAG)")

lint: setup-test
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

# Last, so that pytest's summary is the last line.
test: lint
	@$(VENV)/python -m pytest

bench: setup
	@$(VENV)/hand-pose bench-model
	@$(VENV)/python tools/bench_node.py

# An environment of its own: the site needs nothing of ROS.
.venv-docs/stamp: requirements/docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/pip install --quiet --disable-pip-version-check -r requirements/docs.txt
	@touch $@

docs: .venv-docs/stamp
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet --site-dir $(OUT)/docs
	@echo "$(OUT)/docs/index.html"

clean:
	rm -rf .venv .venv-docs $(OUT) build install log *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
