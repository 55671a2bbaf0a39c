import numpy as np
import pytest

from trainer import export, publish, release, serving
from trainer.console import Console
from trainer.data import Dataset
from trainer.errors import RepositoryDamaged, ServingError
from trainer.evaluate import log_probabilities
from trainer.formats import FORMATS, FormatName
from trainer.manifest import Manifest
from trainer.network import build_network
from trainer.repository import Repository
from trainer.settings import Settings


@pytest.fixture
def model(dataset: Dataset) -> bytes:
    return export.export(build_network(1), dataset.validation.images_u8, "onnx")


def release_version(repository: Repository, settings: Settings, former: int | None, console: Console) -> None:
    change = release.Change(repository.served() or 0, former)
    probe = release.make_probe(repository.model(change.version), "onnx", release.random_images())
    release.serve(repository, settings, change, probe, console)


def test_a_served_version_is_told(repository, settings, model, manifest, console, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(serving, "load", lambda target, version, probe: asked.append((version, probe)) or ["here:1"])
    publish.publish(repository, model, manifest)
    release_version(repository, settings, None, console)
    ((version, probe),) = asked
    assert version == 1
    assert probe.images_u8.shape == (8, 1, 28, 28)
    assert probe.log_probabilities.shape == (8, 10)
    assert "version 1 on Triton at here:1" in console.out.getvalue()


def test_no_triton_is_no_error(repository, settings, model, manifest: Manifest, console: Console) -> None:
    publish.publish(repository, model, manifest)
    release_version(repository, settings, None, console)
    assert "Triton isn't running at 127.0.0.1:9; it will serve version 1" in console.out.getvalue()
    assert repository.served() == 1


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A Triton that takes version 1 and no other; the list is what it was asked to load."""
    asked: list[int] = []

    def load(target: serving.Target, version: int, probe: serving.Probe | None) -> list[str]:
        asked.append(version)
        if version != 1:
            raise ServingError("refused")
        return ["here:1"]

    monkeypatch.setattr(serving, "load", load)
    return asked


def test_a_refused_version_gives_way_to_the_former(
    repository, settings, model, manifest, console, refusing: list[int]
) -> None:
    publish.publish(repository, model, manifest)
    publish.publish(repository, model, manifest)
    with pytest.raises(ServingError, match="refused"):
        release_version(repository, settings, 1, console)
    assert repository.served() == 1
    assert refusing == [2, 1]
    assert "version 1 is named again" in console.err.getvalue()
    # Not even the next version's rollback goes to it.
    publish.publish(repository, model, manifest)
    assert repository.former() == 1


def test_a_refused_first_version_is_withdrawn(repository, settings, model, manifest, console, monkeypatch) -> None:
    monkeypatch.setattr(serving, "load", lambda *args: (_ for _ in ()).throw(ServingError("refused")))
    publish.publish(repository, model, manifest)
    with pytest.raises(ServingError):
        release_version(repository, settings, None, console)
    assert repository.served() is None
    assert repository.versions() == [1]


def test_a_damaged_former_version_does_not_hide_the_refusal(
    repository, settings, model, manifest, console, refusing: list[int]
) -> None:
    publish.publish(repository, model, manifest)
    publish.publish(repository, model, manifest)
    (repository.folder / "1" / "model.onnx").unlink()
    with pytest.raises(ServingError, match="refused"):
        release_version(repository, settings, 1, console)
    assert "version 1 can't be named again" in console.err.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_the_very_file_is_asked(dataset: Dataset, name: FormatName) -> None:
    network = build_network(3).eval()
    images_u8 = dataset.test.images_u8[:8]
    probe = release.make_probe(export.export(network, images_u8, name), name, images_u8)
    expected = log_probabilities(network, images_u8, export.CPU).numpy()
    np.testing.assert_allclose(probe.log_probabilities, expected, atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_no_model_is_damaged(name: FormatName) -> None:
    with pytest.raises(RepositoryDamaged, match=f"{FORMATS[name].file} can't be loaded"):
        release.make_probe(b"junk", name, release.random_images())
