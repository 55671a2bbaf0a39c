import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelrepo.errors import RepositoryLocked
from trainer import __main__ as command_line
from trainer import errors, pipeline

README = Path(__file__).parents[3] / "services" / "trainer" / "README.md"


@pytest.fixture
def repository_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINER_MODEL_REPOSITORY", str(tmp_path / "repository"))
    return tmp_path / "repository"


def test_each_error_ends_in_its_own_code_and_one_line(repository_dir, monkeypatch, capsys) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RepositoryLocked("another trainer\nis at work")

    monkeypatch.setattr(pipeline, "train", fail)
    assert command_line.main(["train"]) == 7
    assert capsys.readouterr().err == "error: another trainer is at work\n"


def test_codes_are_distinct_and_documented() -> None:
    codes = errors.exit_codes()
    assert sorted(codes) == [*range(13), 130]
    text = README.read_text()
    for code, meaning in codes.items():
        assert re.search(rf"^\| {code} \| {re.escape(meaning)}", text, re.MULTILINE), f"README lacks exit code {code}"


def test_flags_override_variables(repository_dir, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(pipeline, "ensure", lambda settings, console, load: seen.append((settings, load)))
    monkeypatch.setenv("TRAINER_EPOCHS", "7")
    monkeypatch.setenv("TRAINER_SEED", "5")
    monkeypatch.setenv("TRAINER_FORMAT", "onnx")
    flags = ["--epochs", "2", "--dataset", "digits", "--format", "torchscript", "--no-load"]
    assert command_line.main(["ensure", *flags]) == 0
    ((settings, load),) = seen
    assert (settings.epochs, settings.seed, settings.dataset, load) == (2, 5, "digits", False)
    assert settings.format == "torchscript"


def test_a_wrong_setting_names_its_variable_and_not_its_value(repository_dir, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TRAINER_EPOCHS", "secret-value")
    assert command_line.main(["list"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: TRAINER_EPOCHS: ")
    assert "secret-value" not in error


def test_help_names_commands_and_exit_codes(capsys) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--help"])
    text = capsys.readouterr().out
    for part in ("train", "ensure", "list", "rollback", "exit codes", "130"):
        assert part in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_changes_nothing(repository_dir: Path, number: signal.Signals) -> None:
    env = {**os.environ, "TRAINER_DATASET": "digits", "TRAINER_THREADS": "1", "TRAINER_BATCH_SIZE": "32"}
    command = [sys.executable, "-m", "trainer", "train", "--epochs", "1000", "--no-load"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "epoch" not in (line := process.stdout.readline()) or "1/1000" not in line:
            assert line, process.stderr.read()
        process.send_signal(number)
        assert process.wait(30) == 130
        assert process.stderr.read() == "error: interrupted; the repository is unchanged or complete\n"
    assert [path.name for path in repository_dir.iterdir() if path.is_dir()] == []
