# livehost: two commands to know are `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

RUN_PACKAGES := fonts-noto-cjk
TEST_PACKAGES := $(RUN_PACKAGES) ffmpeg nginx libnginx-mod-rtmp redis-server chromium procps

.PHONY: help setup setup-train setup-dev demo serve lint test test-long bench bench-answers bench-chat bench-inbox bench-swap bench-models bench-train train-bases draw lock clean

help:
	@echo "make demo [ARGS='--seconds 60']   put a demo room on air on this machine"
	@echo "make test                         every test (make test-long: the long ones)"
	@echo "make lint                         ruff and mypy"
	@echo "make bench                        the figures that the README quotes"
	@echo "make bench-answers                how right answers, reviews and readings are (--catalog --questions --lines)"
	@echo "make bench-chat                   a platform's push at 2,000 events a second while a show is on air"
	@echo "make bench-inbox                  how many viewers' messages a second an inbox takes (--redis URL)"
	@echo "make bench-swap                   adapter switches beside diffusers and peft"
	@echo "make bench-models                 tokens and looks a second; who words a live show"
	@echo "make setup-train                  what \`livehost train\` needs besides: from pictures and lines to a persona"
	@echo "make bench-train                  training's speed and memory beside plain peft loops"
	@echo "make train-bases                  train the embedded bases and the demo's adapters again"
	@echo "make draw                         draw the hosts, sets and products again"

# Without models another stamp, so that asking for them later installs them.
READY := $(VENV)/.run-ready$(if $(filter no,$(LIVEHOST_MODELS)),-bare)

setup: $(READY)
setup-train: $(VENV)/.train-ready
setup-dev: $(VENV)/.dev-ready

$(READY): pyproject.toml requirements.lock .ci/install
	@PYTHON="$(PYTHON)" .ci/install run $(RUN_PACKAGES)

$(VENV)/.train-ready: pyproject.toml requirements.lock .ci/install
	@PYTHON="$(PYTHON)" .ci/install train $(RUN_PACKAGES)

$(VENV)/.dev-ready: pyproject.toml requirements.lock .ci/install
	@PYTHON="$(PYTHON)" .ci/install dev $(TEST_PACKAGES)

demo: setup
	@export LIVEHOST_ENGINES=$(if $(filter no,$(LIVEHOST_MODELS)),off,$${LIVEHOST_ENGINES:-embedded}); exec $(BIN)/livehost demo $(ARGS)

serve: setup
	@exec $(BIN)/livehost serve $(ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What plays in real time (shows, a browser's video) has both cores for itself; all else runs in workers.
test: setup-dev
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not show and not browser and not long"
	$(BIN)/pytest -q -m "(show or browser) and not long"

test-long: setup-dev
	$(BIN)/pytest -q -m "long"

bench: setup-dev
	$(BIN)/python -m bench $(ARGS)

bench-answers: setup-dev
	$(BIN)/python -m bench.answers $(ARGS)

bench-chat: setup-dev
	$(BIN)/python -m bench.chat $(ARGS)

bench-inbox: setup-dev
	$(BIN)/python -m bench.inbox $(ARGS)

bench-swap: setup-dev
	$(BIN)/python -m bench.swap $(ARGS)

bench-models: setup-dev
	$(BIN)/python -m bench.engines $(ARGS)
	$(BIN)/python -m bench.words $(ARGS)

bench-train: setup-dev
	$(BIN)/python -m bench.train $(ARGS)

# Trains the embedded bases and the demo's adapters again, in the packages' place. The recipes' `minutes` are
# those of one large GPU: on a CPU raise them to hours first.
train-bases: setup-dev
	mkdir -p build/language
	$(BIN)/python -m livehost.training build/language/rows.jsonl.gz --count 40000 --rundowns configs/rundowns
	$(BIN)/python -m livehost.training build/language/held.jsonl.gz --count 600 --seed 977 --rundowns configs/rundowns
	for each in base base-more; do \
	  $(BIN)/python -m services.training configs/train/language-$$each.yaml || exit 1; \
	  cp build/language/$$each/*.json build/language/$$each/model.safetensors services/language/base/; done
	for each in base base-more; do $(BIN)/python -m services.training configs/train/vision-$$each.yaml || exit 1; done
	for each in configs/train/language-tang-*.yaml configs/train/visual-tang-*.yaml; do \
	  $(BIN)/python -m services.training $$each || exit 1; done

draw: setup-dev
	$(BIN)/python -m services.avatar.drawing

lock: setup-dev
	.ci/lock

clean:
	rm -rf $(VENV) .state build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/out
