"""The metrics that node-exporter reads."""

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelrepo import publish, rollout, triton_repository_api
from modelrepo.errors import ServingError
from modelrepo.repository import Repository
from trainer import pipeline
from trainer.console import Console
from trainer.digits import training
from trainer.digits.manifest import DigitManifest
from trainer.errors import AccuracyRefused
from trainer.settings import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "textfile" / "trainer.prom"


@pytest.fixture
def settings(settings: Settings, file: Path) -> Settings:
    return settings.model_copy(update={"metrics_file": file, "max_accuracy_drop": 1.0})


def figures(file: Path) -> dict[str, float]:
    families = text_string_to_metric_families(file.read_text())
    return {sample.name.removeprefix("trainer_"): sample.value for family in families for sample in family.samples}


def test_a_training_reports_how_it_went_and_what_is_served(settings, repository, console, file):
    start = time.time()
    pipeline.train(settings, console, load=False)
    found = figures(file)
    manifest = repository.record(1, DigitManifest)
    assert start <= found.pop("last_run_timestamp_seconds") <= time.time()
    assert manifest.training_s - 0.1 <= found.pop("last_run_duration_seconds") <= time.time() - start
    assert found == {
        "last_run_success": 1,
        "model_version": 1,
        "validation_accuracy_ratio": manifest.validation_accuracy,
        "test_accuracy_ratio": manifest.test_accuracy,
    }
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing half written is left"


@pytest.mark.parametrize("error", [AccuracyRefused("poor"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_a_training_that_fails_says_so_and_keeps_what_is_served(
    settings, repository, manifest: DigitManifest, console, file, monkeypatch, error
):
    def fail(*args: object) -> None:
        raise error

    publish.publish(repository, b"model", manifest)
    monkeypatch.setattr(training, "load_dataset", fail)
    with pytest.raises(type(error)):
        pipeline.train(settings, console, load=False)
    found = figures(file)
    assert found["last_run_success"] == 0
    assert found["last_run_timestamp_seconds"] == pytest.approx(time.time(), abs=60)
    assert (found["model_version"], found["validation_accuracy_ratio"]) == (1, manifest.validation_accuracy)


def test_a_version_that_triton_refuses_is_not_reported_as_served(settings, repository, console, file, monkeypatch):
    def refuse(*args: object) -> None:
        publish.withdraw(repository)
        raise ServingError("refused")

    monkeypatch.setattr(triton_repository_api, "check_access", lambda target: None)
    monkeypatch.setattr(rollout, "serve", refuse)
    with pytest.raises(ServingError):
        pipeline.train(settings, console, load=True)
    assert set(figures(file)) == {"last_run_success", "last_run_timestamp_seconds", "last_run_duration_seconds"}
    assert figures(file)["last_run_success"] == 0


def test_going_back_changes_what_is_served_and_nothing_of_the_run(settings, repository, manifest, console, file):
    file.parent.mkdir()
    file.write_text("trainer_last_run_success 0\ntrainer_last_run_timestamp_seconds 1e9\ntrainer_model_version 2\n")
    for accuracy in (0.9, 0.8):
        publish.publish(repository, b"model", manifest.model_copy(update={"test_accuracy": accuracy}))
    pipeline.rollback(settings, console, to=None, load=False)
    found = figures(file)
    assert (found["model_version"], found["test_accuracy_ratio"]) == (1, 0.9)
    assert (found["last_run_success"], found["last_run_timestamp_seconds"]) == (0, 1e9)
    pipeline.ensure(settings, console, load=False)
    assert figures(file) == found


@pytest.mark.parametrize("content", [None, "not { a metric\n"])
def test_what_is_served_is_reported_where_no_run_is_known(settings, repository, manifest, console, file, content):
    if content is not None:
        file.parent.mkdir()
        file.write_text(content)
    publish.publish(repository, b"model", manifest)
    pipeline.ensure(settings, console, load=False)
    assert set(figures(file)) == {"model_version", "validation_accuracy_ratio", "test_accuracy_ratio"}


def test_a_file_that_cannot_be_written_is_a_warning(settings, repository: Repository, manifest, console: Console, file):
    file.parent.write_text("a file where the folder should be")
    publish.publish(repository, b"model", manifest)
    pipeline.ensure(settings, console, load=False)
    assert "TRAINER_METRICS_FILE" in console.err.getvalue()


def test_without_the_setting_nothing_is_written(settings, repository, manifest, console, tmp_path):
    publish.publish(repository, b"model", manifest)
    pipeline.ensure(settings.model_copy(update={"metrics_file": None}), console, load=False)
    assert not list(tmp_path.rglob("*.prom"))
