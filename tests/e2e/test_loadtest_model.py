"""``make loadtest MODEL=…`` and Locust itself, against a toy model behind the real api and Triton."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import clean_env
from tests.support.toy_stack import ToyStack, toy_stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyStack]:
    with toy_stack(tmp_path_factory.mktemp("loadtest_model")) as running:
        yield running


def test_a_load_test_of_any_model_checks_its_answers(stack, tmp_path):
    argv = [sys.executable, "-m", "bench.loadtest", "steps", "--model", "turn_signs", "--url", stack.api.url]
    argv += ["--triton-metrics", f"{stack.triton.metrics_url}/metrics", "--results", str(tmp_path)]
    argv += ["--seconds", "3", "--levels", "20"]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder,) = tmp_path.iterdir()
    report = json.loads((folder / "report.json").read_text())
    (step,) = report["steps"]
    assert report["model"] == "turn_signs"
    assert step["failures"] == 0
    assert 10 < step["rate"] < 30
    assert step["mean_batch"] >= 1


@pytest.mark.parametrize("model", ["turn_signs", "echo"])
@pytest.mark.parametrize("json_tensors", ["false", "true"])
def test_locust_sends_any_model_what_it_takes(stack, tmp_path, model, json_tensors):
    argv = [sys.executable, "-m", "loadgen", "--headless", "-u", "5", "-r", "5", "-t", "2s", "--json"]
    env = clean_env(
        LOADGEN_TARGET=stack.api.url, LOADGEN_MODEL=model, LOADGEN_JSON_TENSORS=json_tensors, LOADGEN_RATE="10",
        LOADGEN_PROCESSES="0",
    )  # fmt: skip
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads(done.stdout[done.stdout.index("[\n") :])
    assert sum(entry["num_requests"] for entry in entries) > 20


def test_a_model_that_is_not_published_is_named(tmp_path):
    argv = [sys.executable, "-m", "bench.loadtest", "steps", "--model", "nothing", "--repository", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"{tmp_path} has no model nothing" in done.stderr
