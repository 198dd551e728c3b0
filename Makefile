# make install: the environment .venv with the package; EXTRAS=ocr,video adds extras
# make run: train on rendered plates (some ten minutes); it ends by saying where its pictures are
# make test: the tests (under ten minutes); make lint; make test-slow; make benchmark
# make docs: the manual, into site/; make coverage: the tests with a report of what ran
# make browser: the demo's page in a headless Chromium, which is installed if it can be
# make test-processes: training by several processes that are killed on the way (four minutes)
# make test-ray: `batch` on a real Ray of several processes (three minutes)
# make test-damaged: a thousand damaged pictures (ten seconds)
# make test-load: 2,000 requests to an exported model; make test-server: to the real server
# The first that runs: a version manager's stand-in may exist and refuse to.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c '' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install run test coverage docs test-slow browser test-processes test-ray test-damaged test-load test-server lint benchmark clean

install: $(VENV)/installed
ifdef EXTRAS
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
endif
	@echo "installed into $(VENV); now: . $(BIN)/activate"

run: $(VENV)/installed
	$(BIN)/python -m deblurgan_tf.train --config experiments/plates_quick/config.yaml

# Two processes; the tests of one file stay in one of them.
test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not browser and not processes and not ray and not damaged"

coverage: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m "not slow and not browser and not processes and not ray and not damaged" \
	  --cov=deblurgan_tf --cov-report=term:skip-covered --cov-report=html:coverage

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "the manual is in site/index.html; links to other sites: site/outside_links.txt"

test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

browser: $(VENV)-browser/installed
	@command -v chromium >/dev/null || test -n "$$CHROMIUM" || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update && apt-get install -y --no-install-recommends chromium; \
	  else echo "needs chromium: install it (Debian: apt-get install chromium), or name one: make browser CHROMIUM=/path"; exit 2; fi; }
	$(VENV)-browser/bin/python -m pytest -m browser tests/web

test-processes: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m processes tests/training/test_distribution.py

test-damaged: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m damaged tests/images

test-ray: $(VENV)/installed-ray
	$(BIN)/python -m pytest -m ray tests/batching/test_batch.py

test-load: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow -s tests/exporting/test_serving_load.py

test-server: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow -s tests/exporting/test_serving_real.py

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(VENV)/installed-torch
	$(BIN)/python -m deblurgan_tf.benchmark blur
	$(BIN)/python -m deblurgan_tf.benchmark train
	$(BIN)/python -m deblurgan_tf.benchmark predict --model resnet --model photos --model plates_quick
	$(BIN)/python -m deblurgan_tf.benchmark data

# A mark is touched when its install has ended well, and goes stale with the versions.
$(VENV)/installed: setup.cfg requirements.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"needs Python 3.11 to 3.13, found {v}; name one: make PYTHON=python3.11")'
	@echo "installing into $(VENV): TensorFlow is large, this takes some minutes"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[dev]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[docs]'
	touch $@

# An environment of its own: Gradio needs an older Pillow than requirements.txt names.
$(VENV)-browser/installed: setup.cfg
	test -x $(VENV)-browser/bin/python || $(PYTHON) -m venv $(VENV)-browser
	$(VENV)-browser/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,browser]'
	touch $@

# moto is an S3 server for the tests.
$(VENV)/installed-ray: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[dev,ray]' 'moto[server]>=5'
	touch $@

$(VENV)/installed-torch: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[torch]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-browser runs build dist site coverage *.egg-info
