# The menu. Each target is one line; the work is done in scripts/ and in the services.
.DEFAULT_GOAL := help
SHELL := /bin/bash
IN_ENV := scripts/with_env.sh

.PHONY: help
help: ## Print this menu
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: ## Create the virtual environment .venv (PYTHON=python3.13 names another Python)
	@PYTHON="$(PYTHON)" scripts/setup.sh

.PHONY: run
run: setup ## Train if no model is published, then run Triton, the api and Locust until Ctrl-C
	@exec $(IN_ENV) scripts/run.sh

.PHONY: run-jobs
run-jobs: setup ## The same with jobs: Redis, a worker and Flower beside it
	@exec $(IN_ENV) scripts/run_jobs.sh

.PHONY: train
train: setup ## Train, publish, and load into a running Triton
	@$(IN_ENV) python -m trainer train

.PHONY: publish
publish: setup ## Publish FILE=my.onnx as MODEL=my_model, and load it into a running Triton
	@$(IN_ENV) python -m trainer publish "$(FILE)" --model "$(MODEL)" $(OPTIONS)

.PHONY: models
models: setup ## List the published versions of every model
	@$(IN_ENV) python -m trainer list

.PHONY: rollback
rollback: setup ## Serve the previous version again; of another model than the digits': MODEL=my_model
	@$(IN_ENV) python -m trainer rollback $(if $(MODEL),--model "$(MODEL)")

.PHONY: triton
triton: setup ## Run Triton alone
	@exec $(IN_ENV) honcho --env /dev/null start triton

.PHONY: api
api: setup ## Run the api alone
	@exec $(IN_ENV) honcho --env /dev/null start api

.PHONY: locust
locust: setup ## Run Locust alone, its page on port 8089
	@exec $(IN_ENV) honcho --env /dev/null start loadgen

.PHONY: test
test: setup lint ## Run lint and the tests, all but the long ones: ten minutes
	@$(IN_ENV) scripts/test.sh "not long" tests/unit tests/contract tests/e2e

.PHONY: test-long
test-long: setup ## Run the long tests: chaos, load tests, bad input, every datatype, clients of others: a quarter of an hour
	@$(IN_ENV) scripts/test.sh long tests/e2e

.PHONY: unit
unit: setup ## Run the unit and contract tests: two minutes
	@$(IN_ENV) scripts/test.sh "" tests/unit tests/contract

.PHONY: e2e
e2e: setup ## Run the tests with the real processes, the long ones too: twenty minutes
	@$(IN_ENV) scripts/test.sh "" tests/e2e

.PHONY: compose-test
compose-test: setup ## Run the tests with the real containers, if a Docker engine is running: minutes
	@$(IN_ENV) python -m pytest tests/compose

.PHONY: k8s-test
k8s-test: setup ## Run the chart on a real Kubernetes of one node, under load (Debian 12, root): 15 minutes
	@$(IN_ENV) .ci/k8s-test

.PHONY: charts
charts: setup ## Check the Helm charts against every Kubernetes version from 1.25 on, if helm is installed: minutes
	@CHARTS_EVERY_VERSION=1 $(IN_ENV) python -m pytest tests/contract/test_chart*.py

.PHONY: lint
lint: setup ## Check format, lint, types and the layers of imports
	@$(IN_ENV) scripts/lint.sh

.PHONY: gpu-check
gpu-check: setup ## On an NVIDIA GPU: train, serve, compare with the CPU, measure
	@$(IN_ENV) scripts/gpu_check.sh

.PHONY: bench-model
bench-model: setup ## Measure accuracy, µs an image and size of the published model
	@$(IN_ENV) python scripts/measure_model.py

.PHONY: bench-digits
bench-digits: setup ## Measure what the published model reads beside MNIST, and its confidence (OPTIONS="--fonts DIR")
	@$(IN_ENV) python -m bench.digits $(OPTIONS)

.PHONY: accuracy
accuracy: setup ## Measure how many pictures of each kind the published model reads: docs/accuracy.md (PICTURES=folder: others)
	@$(IN_ENV) python scripts/measure_accuracy.py --write $(if $(PICTURES),--pictures "$(PICTURES)")

.PHONY: bench
bench: setup ## Compare this stack with Triton alone, plain FastAPI and other frameworks: half an hour
	@$(IN_ENV) python -m bench

.PHONY: bench-quick
bench-quick: setup ## Compare without the other frameworks, in two short rounds: minutes
	@$(IN_ENV) python -m bench --no-peers --no-memory --repeats 2 --seconds 5

.PHONY: bench-compare
bench-compare: setup ## This tree's api beside that of AGAINST=commit or folder, in interleaved rounds: minutes
	@$(IN_ENV) python -m bench.compare --against "$(AGAINST)"

.PHONY: bench-jobs
bench-jobs: setup ## Jobs: items/s beside the batch route, their cost for other requests, round trips (OPTIONS="--items 20000"): minutes
	@$(IN_ENV) python -m bench.jobs $(OPTIONS)

.PHONY: fuzz
fuzz: setup ## Send random bad input to the real processes, ten times as much as in the tests
	@FUZZ_FACTOR=$${FUZZ_FACTOR:-10} $(IN_ENV) python -m pytest tests/e2e/test_bad_input.py tests/e2e/test_v2_bad_input.py tests/unit/api/test_v2_tensors.py tests/unit/api/test_pixels.py tests/unit/api/test_uploads.py

.PHONY: chaos
chaos: setup ## Inject faults into the real stack under load, and count the outcomes: twenty minutes
	@$(IN_ENV) python -m chaos

.PHONY: chaos-quick
chaos-quick: setup ## The same with eight faults and lenient bounds: two minutes
	@$(IN_ENV) python -m chaos --short

.PHONY: jobs-faults
jobs-faults: setup ## Kill each process of the stack in the middle of a job of 10,000 images, and count: five minutes
	@$(IN_ENV) scripts/jobs_faults.sh

.PHONY: loadtest
loadtest: setup ## Add Locust users in steps until latency leaves its floor, and write a report (MODEL=name: any model)
	@$(IN_ENV) python -m bench.loadtest steps $(if $(MODEL),--model "$(MODEL)")

.PHONY: loadtest-rate
loadtest-rate: setup ## The same with arrivals at fixed rates (open loop)
	@$(IN_ENV) python -m bench.loadtest rate $(if $(MODEL),--model "$(MODEL)")

.PHONY: soak
soak: setup ## Run 500 users for half an hour, and check failures, latency and memory
	@$(IN_ENV) python -m bench.loadtest soak --start 500 --seconds 60

.PHONY: bench-path
bench-path: setup ## Measure the api's µs of CPU for a prediction, in process: seconds
	@$(IN_ENV) python -m bench.hot_path

.PHONY: monitoring
monitoring: setup ## Run Prometheus beside a running stack, on port 9090, if it is installed
	@exec $(IN_ENV) python scripts/monitoring.py

.PHONY: dashboard
dashboard: setup ## Write Grafana's dashboard from deploy/monitoring/dashboard.py
	@$(IN_ENV) python deploy/monitoring/dashboard.py

.PHONY: docs
docs: setup ## Write the generated docs
	@$(IN_ENV) python scripts/generate_docs.py

.PHONY: audit
audit: setup ## Look up every pin in a vulnerability database
	@$(IN_ENV) python scripts/audit.py

.PHONY: secrets
secrets: ## Generate an API key, and certificates of a private CA, in secrets/
	@scripts/make_secrets.sh

.PHONY: lock
lock: ## Resolve the pins into constraints.txt, with every supported Python
	@scripts/lock.sh

.PHONY: clean
clean: ## Remove .venv, caches and the files of earlier runs; models stay
	@rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
