PYTHON ?= python3
VENV := .venv
# A new folder each time: a run is never overwritten.
RUN := runs/sample-$(shell date +%Y%m%d-%H%M%S)
BIN := $(VENV)/bin

.PHONY: train web dist release test slow quick lint clean

# Everything that training and the tests need: about 3 GB.
$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e '.[test]'
	touch $@

# Without TensorFlow. A newer .installed has all of it.
$(VENV)/.quick: setup.cfg pyproject.toml
	@test $(VENV)/.installed -nt setup.cfg || echo "$(VENV): installing the package and what the quick tests need, once, in about a minute ..."
	@test $(VENV)/.installed -nt setup.cfg || ($(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q -e '.[quick]')
	touch $@

# Trains on the embedded sample photos, then exports: on two cores in two to six minutes.
train: $(VENV)/.installed
	$(BIN)/python scripts/train.py --mode gan --run-dir $(RUN)
	$(BIN)/python scripts/export.py --model $(RUN) --saved-model $(RUN)/saved_model/1 --tflite $(RUN)/colorizer.tflite
	@echo "contact sheet     $(RUN)/contact_sheet.png"

# The page that colorizes in the browser; needs Node 20 and npm. `pip install .` builds it, too.
web: $(VENV)/.quick
	@$(BIN)/python web/build.py

# A wheel and an sdist with the model and the page inside.
dist: $(VENV)/.quick
	rm -rf dist
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		$(BIN)/python web/build.py; \
	else \
		echo "make dist: Node or npm not found: building without the page that colorizes in the browser" >&2; \
		rm -rf tf_colorize/page; \
	fi
	$(BIN)/python -m build
	@ls -l dist

# All that a release consists of, in dist/: wheel, sdist, models, notes and checksums. The ONNX files are exported now, in
# two minutes. Wheel and sdist are tried with every Python that is found, about half a minute each.
ONNX := runs/release
release: dist $(VENV)/.installed
	rm -rf $(ONNX)
	$(BIN)/python scripts/export.py --model saved_models/colorizer/1 --quantize dynamic \
		--onnx $(ONNX)/colorizer.onnx --onnx-picture $(ONNX)/colorizer-picture.onnx
	$(BIN)/python scripts/release.py dist --models $(ONNX)
	$(BIN)/python scripts/check_wheel.py dist/*.whl --sdist dist/tf_colorize-*[0-9].tar.gz

# A file of tests at a time in each process, those that take longest first; tests/conftest.py chooses how many processes.
TESTS := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
test: $(VENV)/.installed
	$(TESTS)

# The tests that `make test` leaves out. Many of them start several trainings, so fewer processes have room in memory.
slow: $(VENV)/.installed
	$(TESTS) --maxprocesses 2 -m slow --durations=10

# The tests that need neither TensorFlow nor a browser; on every Python from 3.10 to 3.14.
quick: $(VENV)/.quick
	$(BIN)/python -m pytest --quick

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then \
		cd web && npm ci --silent && npm run --silent check && npm run --silent lint; \
	else \
		echo "make lint: npm not found: the page is not checked" >&2; \
	fi

clean:
	rm -rf $(VENV) build dist *.egg-info

# The manual in site/; fails on a broken link (with --quiet it would not). Ten seconds after the installation.
.PHONY: docs
docs: $(VENV)/.installed
	$(BIN)/pip install -q -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
