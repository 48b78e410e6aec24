# Commands of a checkout. `make demo` and `make test` need nothing but Python 3.11 and make.

VENV := .venv
PYTHON := $(VENV)/bin/python

# What tests and benchmarks drive; tests/support/project/tools.py knows where each comes from.
PEERS := chromium firefox node npm wrtc libdatachannel pion webrtcbin werift python_webrtc
TEST_TOOLS := $(PEERS) janus rtpengine kamailio sippy sipp baresip linphone jssip sip.js \
	aiolibdatachannel turnserver ip nft ffmpeg espeak-ng fonts hls.js typescript axe redis-server nginx \
	systemd-analyze
BENCHMARK_TOOLS := node npm wrtc webrtcbin peerjs baresip

# Without what encodes media, drives the program, or starts it.
QUICK_TESTS := $(addprefix tests/unit/, identity negotiation rekey runtime signaling tracing transport)

BENCHMARKS := setup setup_rtt imports compat idle handshake rekey rtp echo relay record descriptions signaling calls trust conference simulcast
PYTEST_ARGS ?=
# One more than the processors, at most 4: what runs with real peers mostly waits for media.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 4 ? n + 1 : 4)))
TESTS ?= tests/unit
DEMO_ARGS ?=
MINUTES ?= 12

VENV_MADE := $(VENV)/.made
PROGRAM_INSTALLED := $(VENV)/.program-installed
DEVELOPMENT_INSTALLED := $(VENV)/.development-installed

# The tests start many programs: where Python keeps no bytecode, each compiles all of handfast.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test unit quick check format bench soak conformance interop dependants tools clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

demo: $(PROGRAM_INSTALLED) ## Run the demo; a browser calls a Python peer (DEMO_ARGS="--port 9000")
	$(VENV)/bin/handfast demo $(DEMO_ARGS)

test: check tools ## Run every check and every test (PYTEST_ARGS="-k ice")
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

unit: $(DEVELOPMENT_INSTALLED) ## Run the unit tests, or some (TESTS="tests/unit/rtp -k nack"); no browsers
	$(PYTHON) -m pytest -q -n auto --dist loadgroup $(TESTS) $(PYTEST_ARGS)

quick: check ## Lint, types, directions of imports, and the unit tests of peer and signaling
	$(PYTHON) -m pytest -q -n auto --dist loadgroup $(QUICK_TESTS) $(PYTEST_ARGS)

check: $(DEVELOPMENT_INSTALLED) ## Lint, types, import directions, docs/CONFORMANCE.md up to date
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m tests.support.project.conformance --check
	$(PYTHON) -m tests.support.project.signalling_schema --check

format: $(DEVELOPMENT_INSTALLED) ## Put the source in its one format
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

bench: $(DEVELOPMENT_INSTALLED) ## Measure beside aiortc, libwebrtc and GStreamer, in one run
	@# It goes on without libwebrtc or GStreamer where they are not to be had.
	$(PYTHON) -m scripts.install_tools $(BENCHMARK_TOOLS)
	@# A target that is missed, or not measured, makes it fail, but only after the others have run.
	$(PYTHON) -m benchmarks.all $(BENCHMARKS)

soak: $(DEVELOPMENT_INSTALLED) ## Record five people who come and go for long (MINUTES=12: an hour of media)
	$(PYTHON) -m scripts.install_tools ffmpeg
	$(PYTHON) -m tests.soak $(MINUTES)

conformance: $(DEVELOPMENT_INSTALLED) ## Write docs/CONFORMANCE.md anew from the markers on the tests
	$(PYTHON) -m tests.support.project.conformance

interop: $(DEVELOPMENT_INSTALLED) ## Call every peer in every way, write docs/INTEROP.md anew
	$(PYTHON) -m scripts.install_tools $(TEST_TOOLS)
	@# A cell whose tests have not passed says so in the document; then this fails, after writing it.
	status=0; INTEROP=all $(PYTHON) -m pytest tests/interop tests/integration/test_long_call.py \
		|| status=1; $(PYTHON) -m tests.support.peers.interop && exit $$status

dependants: $(DEVELOPMENT_INSTALLED) ## Run packages that stand on aiortc on peer.compat (3 GB)
	$(PYTHON) -m scripts.install_tools chromium
	$(PYTHON) -m tests.support.dependants.environments
	INTEROP=all $(PYTHON) -m pytest tests/dependants $(PYTEST_ARGS)

tools: $(DEVELOPMENT_INSTALLED) ## Install the browsers and servers that tests drive, where it may
	$(PYTHON) -m scripts.install_tools $(TEST_TOOLS)

clean: ## Remove everything that these commands made inside the checkout
	rm -rf $(VENV) .cache artifacts build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_MADE): scripts/make_venv.sh
	@sh scripts/make_venv.sh $(VENV)
	@touch $@

$(PROGRAM_INSTALLED): $(VENV_MADE) pyproject.toml
	@echo "Installing handfast and what it needs into $(VENV)"
	@$(PYTHON) -m pip install -qq --editable .
	@touch $@

$(DEVELOPMENT_INSTALLED): $(VENV_MADE) pyproject.toml
	@echo "Installing handfast and what its tests need into $(VENV)"
	@$(PYTHON) -m pip install -qq --editable . --group dev
	@touch $(PROGRAM_INSTALLED) $@
