# The menu. Each target is one line; the work is in scripts/ and in the services.
.DEFAULT_GOAL := help
SHELL := /bin/bash
IN_ENV := scripts/with_env.sh

.PHONY: help
help: ## Print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: ## Make the virtual environment (.venv) with everything in it
	@PYTHON="$(PYTHON)" scripts/setup.sh

.PHONY: run
run: setup ## Train if nothing is published, then Triton, the api and Locust until Ctrl-C
	@exec $(IN_ENV) scripts/run.sh

.PHONY: train
train: setup ## Train, publish, and load into a running Triton
	@$(IN_ENV) python -m trainer train

.PHONY: models
models: setup ## List the published versions
	@$(IN_ENV) python -m trainer list

.PHONY: rollback
rollback: setup ## Serve the version before again
	@$(IN_ENV) python -m trainer rollback

.PHONY: triton
triton: setup ## Triton alone
	@exec $(IN_ENV) honcho --env /dev/null start triton

.PHONY: api
api: setup ## The api alone
	@exec $(IN_ENV) honcho --env /dev/null start api

.PHONY: locust
locust: setup ## Locust alone, its page on port 8089
	@exec $(IN_ENV) honcho --env /dev/null start loadgen

.PHONY: test
test: setup lint ## Every test that this machine can run
	@$(IN_ENV) python -m pytest

.PHONY: unit
unit: setup ## The unit and contract tests: seconds
	@$(IN_ENV) python -m pytest tests/unit tests/contract

.PHONY: e2e
e2e: setup ## The tests with the real processes: minutes
	@$(IN_ENV) python -m pytest tests/e2e

.PHONY: compose-test
compose-test: setup ## The tests with the real containers, where a Docker engine answers: minutes
	@$(IN_ENV) python -m pytest tests/compose

.PHONY: lint
lint: setup ## Format, lint, types, and import layers
	@$(IN_ENV) scripts/lint.sh

.PHONY: bench-model
bench-model: setup ## Accuracy, µs an image and size of the published model
	@$(IN_ENV) python scripts/measure_model.py

.PHONY: bench
bench: setup ## This stack beside Triton alone, plain FastAPI and other frameworks: half an hour
	@$(IN_ENV) python -m bench

.PHONY: bench-quick
bench-quick: setup ## The same without the other frameworks, two short rounds: minutes
	@$(IN_ENV) python -m bench --no-peers --no-memory --repeats 2 --seconds 5

.PHONY: bench-compare
bench-compare: setup ## This tree's api beside that of AGAINST=commit or folder, in interleaved rounds: minutes
	@$(IN_ENV) python -m bench.compare --against "$(AGAINST)"

.PHONY: fuzz
fuzz: setup ## Bad input of every kind to the real processes, other each time, ten times as much as in the tests
	@FUZZ_FACTOR=$${FUZZ_FACTOR:-10} $(IN_ENV) python -m pytest tests/e2e/test_bad_input.py tests/e2e/test_v2_bad_input.py tests/unit/api/test_v2_tensors.py tests/unit/api/test_pixels.py tests/unit/api/test_uploads.py

.PHONY: chaos
chaos: setup ## Break the real stack in every way it promises to survive, and count: half an hour
	@$(IN_ENV) python -m chaos

.PHONY: chaos-quick
chaos-quick: setup ## The most important of it: a minute
	@$(IN_ENV) python -m chaos --short

.PHONY: loadtest
loadtest: setup ## Locust's users in steps until latency leaves its floor; a report with a picture: minutes
	@$(IN_ENV) python -m bench.loadtest steps

.PHONY: loadtest-rate
loadtest-rate: setup ## The same with arrivals at fixed rates, however many requests wait (open loop)
	@$(IN_ENV) python -m bench.loadtest rate

.PHONY: soak
soak: setup ## 500 users for half an hour: does anything fail, slow down or grow?
	@$(IN_ENV) python -m bench.loadtest soak --start 500 --seconds 60

.PHONY: bench-path
bench-path: setup ## µs of processor that the api takes for a prediction, in process: seconds
	@$(IN_ENV) python -m bench.hot_path

.PHONY: monitoring
monitoring: setup ## Prometheus beside a running stack, on port 9090, if it is installed
	@exec $(IN_ENV) python scripts/monitoring.py

.PHONY: dashboard
dashboard: setup ## Write Grafana's dashboard anew from deploy/monitoring/dashboard.py
	@$(IN_ENV) python deploy/monitoring/dashboard.py

.PHONY: docs
docs: setup ## Write the generated parts of the docs anew
	@$(IN_ENV) python scripts/generate_docs.py

.PHONY: audit
audit: setup ## Ask a vulnerability database about every pin
	@$(IN_ENV) python scripts/audit.py

.PHONY: secrets
secrets: ## Make an API key, and certificates of a private CA, in secrets/
	@scripts/make_secrets.sh

.PHONY: lock
lock: ## Resolve the pins anew into constraints.txt
	@scripts/lock.sh

.PHONY: clean
clean: ## Remove the environment and what runs left behind; models stay
	@rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
