from pathlib import Path

import pytest

from modelrepo import publish
from modelrepo.errors import RepositoryDamaged, RepositoryError, RepositoryLocked, VersionMissing
from modelrepo.repository import Repository
from trainer import listing, pipeline
from trainer.console import Console
from trainer.digits import training
from trainer.digits.manifest import DigitManifest
from trainer.errors import AccuracyRefused
from trainer.settings import Settings


def with_settings(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def test_train_reports_each_step_and_publishes_a_whole_version(
    settings: Settings, repository: Repository, console: Console
) -> None:
    pipeline.train(settings, console, load=True)
    printed = console.out.getvalue()
    steps = "data drawn network device epoch accuracy calibrated export gate published"
    for part in (*steps.split(), "doesn't answer"):
        assert part in printed
    assert repository.served() == 1
    manifest = repository.record(1, DigitManifest)
    assert manifest.dataset.name == "digits"
    assert manifest.dataset.train_images == 200
    assert manifest.parameters < 100_000
    assert (manifest.drawn_images, manifest.non_digit_images) == (24, 14)
    assert manifest.calibration is not None
    assert manifest.calibration.photographs == 240
    assert manifest.libraries.keys() >= {"torch", "python"}
    assert manifest.created.endswith("+00:00")
    assert len(manifest.sha256) == 64
    assert manifest.format == "onnx"
    # And again, against the first.
    pipeline.train(with_settings(settings, max_accuracy_drop=1.0), console, load=False)
    assert repository.served() == 2
    assert "holds against version 1" in console.out.getvalue()


def test_a_poor_network_is_not_published(settings: Settings, repository: Repository, console: Console) -> None:
    with pytest.raises(AccuracyRefused, match="not published"):
        pipeline.train(with_settings(settings, min_accuracy=1.0, train_limit=20), console, load=False)
    assert repository.served() is None
    assert not repository.folder.exists()


def test_ensure_trains_only_if_nothing_is_published(settings, repository, console, monkeypatch) -> None:
    trained = []
    monkeypatch.setattr(pipeline, "train", lambda *args, load: trained.append(load))
    pipeline.ensure(settings, console, load=True)
    assert trained == [True]


def test_ensure_checks_what_is_published(settings, repository, manifest: DigitManifest, console, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "train", pytest.fail)
    publish.publish(repository, b"model", manifest)
    pipeline.ensure(settings, console, load=True)
    assert "nothing to train" in console.out.getvalue()
    (repository.folder / "1" / "model.onnx").write_bytes(b"tampered")
    with pytest.raises(RepositoryDamaged):
        pipeline.ensure(settings, console, load=True)


def test_what_cannot_be_written_is_found_before_anything_is_learned(settings, console, monkeypatch) -> None:
    monkeypatch.setattr(training, "load_dataset", pytest.fail)
    settings.model_repository.write_text("a file")
    with pytest.raises(RepositoryError):
        pipeline.train(settings, console, load=False)


def test_a_second_trainer_is_refused_before_it_learns(settings, repository, console, monkeypatch) -> None:
    monkeypatch.setattr(training, "load_dataset", pytest.fail)
    with publish.training(repository), pytest.raises(RepositoryLocked):
        pipeline.train(settings, console, load=False)


def test_the_format_is_a_setting_and_going_back_crosses_it(
    settings: Settings, repository: Repository, console: Console
) -> None:
    lax = with_settings(settings, max_accuracy_drop=1.0)
    for name in ("onnx", "torchscript"):
        pipeline.train(with_settings(lax, format=name), console, load=False)
    assert "of ONNX" in console.out.getvalue()
    assert "of TorchScript" in console.out.getvalue()
    assert [repository.model_path(version).name for version in (1, 2)] == ["model.onnx", "model.pt"]
    # To load a version, its file is run first, whatever its format; no Triton listens at that address.
    for _ in range(2):
        pipeline.rollback(settings, console, to=1, load=True)
        pipeline.rollback(settings, console, to=2, load=True)
    listing.list_versions(settings, console)
    rows = [row.split() for row in console.out.getvalue().splitlines()[-2:]]
    assert [(row[1], row[2]) for row in rows] == [("served", "torchscript"), ("retired", "onnx")]


def test_rollback_goes_back_and_to_a_named_version(settings, repository, manifest, console) -> None:
    for version in range(1, 4):
        publish.publish(repository, b"model %d" % version, manifest)
    pipeline.rollback(settings, console, to=None, load=False)
    assert repository.served() == 2
    pipeline.rollback(settings, console, to=3, load=False)
    assert repository.served() == 3
    with pytest.raises(VersionMissing):
        pipeline.rollback(settings, console, to=4, load=False)


def test_a_rollback_to_what_cannot_be_loaded_moves_nothing(settings, repository, manifest, console) -> None:
    for _ in range(2):
        publish.publish(repository, b"not ONNX", manifest)
    with pytest.raises(RepositoryDamaged, match="can't be loaded"):
        pipeline.rollback(settings, console, to=None, load=True)
    with pytest.raises(VersionMissing, match="version 9"):
        pipeline.rollback(settings, console, to=9, load=True)
    assert repository.served() == 2


def test_the_repository_is_where_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    assert settings.model_repository.parent == tmp_path
