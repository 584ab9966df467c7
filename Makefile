# Every target makes .venv and installs what it needs when that is missing or older than what it depends on.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Threads of OpenMP that have nothing to do sleep: spinning ones slow a busy machine down several times.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: install reproduce figures notebooks lab docs test test-slow test-notebooks coverage check dist lint types bench clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): torch, transformers, JupyterLab and others: 2.5 GB or, with CUDA, over 6; a few minutes."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --config-settings editable_mode=compat --editable '.[all]'
	touch $@

# Computes every figure, table, claim and generated page into build/reproduction, compares them with the committed files
# and prints where they differ; exit code 1 where that is not expected. Writes nothing that is tracked.
reproduce: $(STAMP)
	$(BIN)/python -m paper_repro

# The same, and then rewrites the committed files that differ.
figures: $(STAMP)
	$(BIN)/python -m paper_repro --update

# Executes every notebook and writes its outputs into it.
notebooks: $(STAMP)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
	  notebooks/*.ipynb

# Into build/site; stops at a link that leads nowhere.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lab: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir notebooks

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not notebooks"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

# Executes every notebook in memory and compares its verdicts with the committed ones.
test-notebooks: $(STAMP)
	$(BIN)/python -m pytest -n auto -m notebooks

coverage: $(STAMP)
	$(BIN)/python -m pytest -n auto -m "not slow and not notebooks" --cov=rope_theory --cov=experiments --cov=paper_repro \
	  --cov-report=term-missing:skip-covered

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Into build/dist; --no-isolation takes setuptools from .venv.
dist: $(STAMP)
	rm -rf build/dist
	$(BIN)/python -m build --no-isolation --outdir build/dist
	$(BIN)/python -m twine check --strict build/dist/*

check: lint types dist reproduce test test-notebooks

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
