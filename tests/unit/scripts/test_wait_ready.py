"""The stack is announced as ready when all of the api's workers are."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/wait_ready.py"


def load():
    spec = importlib.util.spec_from_file_location("wait_ready", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("workers", "answers"), [("1", 5), ("2", 10)])
def test_it_asks_often_enough_to_meet_every_worker(monkeypatch, workers, answers):
    monkeypatch.setenv("API_WORKERS", workers)
    module = load()
    assert answers == module.ANSWERS


def test_a_single_worker_that_is_not_ready_keeps_the_stack_unready(monkeypatch):
    monkeypatch.setenv("API_WORKERS", "2")
    module = load()
    for unready in range(module.ANSWERS):
        given = iter([number != unready for number in range(module.ANSWERS)])
        monkeypatch.setattr(module, "answers_ready", lambda given=given: next(given))
        assert not module.is_ready()
    monkeypatch.setattr(module, "answers_ready", lambda: True)
    assert module.is_ready()
