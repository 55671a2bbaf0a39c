import os
from pathlib import Path

import pytest

from chaos.kill_at_each_step import StepCounter, run


def write_two_files(root: Path) -> int:
    (root / "first").write_text("1")
    (root / "second").write_text("2")
    return 0


def test_only_changes_below_the_root_are_steps(tmp_path):
    counter = StepCounter(tmp_path / "root", 0, lambda: None)
    write = os.O_WRONLY | os.O_CREAT
    counter("open", (str(tmp_path / "root/a"), "w", write))
    counter("os.rename", (str(tmp_path / "root/a"), str(tmp_path / "root/b"), -1, -1))
    assert counter.steps == 2
    counter("open", (str(tmp_path / "root/a"), "r", os.O_RDONLY))
    counter("open", (str(tmp_path / "other"), "w", write))
    counter("os.listdir", (str(tmp_path / "root"),))
    assert counter.steps == 2


@pytest.mark.parametrize("at, found", [(1, set()), (2, {"first"})])
def test_the_trainer_is_killed_before_its_nth_step(tmp_path, monkeypatch, at, found):
    monkeypatch.setattr("trainer.__main__.main", lambda _arguments: write_two_files(tmp_path))
    status, steps = run(tmp_path, at, lambda: os.kill(os.getpid(), 9), [])
    assert (status, steps) == (-9, 0)
    assert {path.name for path in tmp_path.iterdir()} == found


def test_a_run_without_the_step_reports_its_number_of_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.__main__.main", lambda _arguments: write_two_files(tmp_path))
    assert run(tmp_path, 3, lambda: os.kill(os.getpid(), 9), []) == (0, 2)
