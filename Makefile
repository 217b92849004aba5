PYTHON ?= python3
VENV := .venv
# A new folder each time: a run is never overwritten.
RUN := runs/sample-$(shell date +%Y%m%d-%H%M%S)
BIN := $(VENV)/bin

.PHONY: train web test lint clean

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e '.[test]'
	touch $@

# Trains on the embedded sample photos, then exports: about four minutes on two cores.
train: $(VENV)/.installed
	$(BIN)/python scripts/train.py --mode gan --run-dir $(RUN)
	$(BIN)/python scripts/export.py --model $(RUN) --saved-model $(RUN)/saved_model/1 --tflite $(RUN)/colorizer.tflite
	@echo "contact sheet     $(RUN)/contact_sheet.png"

# The page that colorizes in the browser; needs Node 20 and npm.
web: $(VENV)/.installed
	$(BIN)/python web/build.py

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info

# The manual in site/; fails on a broken link (with --quiet it would not). Ten seconds after the installation.
.PHONY: docs
docs: $(VENV)/.installed
	$(BIN)/pip install -q -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
