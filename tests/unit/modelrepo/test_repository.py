import json

import pytest

from modelrepo.errors import RepositoryDamaged, VersionMissing
from modelrepo.formats import FORMATS, FormatName
from modelrepo.manifest import Manifest
from modelrepo.publish import publish
from modelrepo.repository import Repository


def test_an_empty_repository_has_nothing(repository: Repository) -> None:
    assert repository.served() is None
    assert repository.versions() == []
    with pytest.raises(VersionMissing, match="nothing is published"):
        repository.previous()


def test_only_numbered_folders_are_versions(repository: Repository, manifest: Manifest) -> None:
    publish(repository, b"one", manifest)
    for name in (".staging-9-abc", "notes", "10x"):
        (repository.folder / name).mkdir()
    (repository.folder / "12").write_text("a file")
    assert repository.versions() == [1]


@pytest.mark.parametrize("damage", [b"tampered", b""])
def test_a_changed_model_is_noticed(repository: Repository, manifest: Manifest, damage: bytes) -> None:
    publish(repository, b"model", manifest)
    assert repository.model(1) == b"model"
    (repository.folder / "1" / "model.onnx").write_bytes(damage)
    with pytest.raises(RepositoryDamaged, match="version 1: the SHA-256"):
        repository.model(1)


@pytest.mark.parametrize("name", FORMATS)
def test_the_manifest_says_which_file_it_is(repository: Repository, manifest: Manifest, name: FormatName) -> None:
    publish(repository, b"model", manifest.model_copy(update={"format": name}))
    assert repository.model_path(1) == repository.folder / "1" / FORMATS[name].file
    assert repository.model(1) == b"model"
    repository.model_path(1).write_bytes(b"tampered")
    with pytest.raises(RepositoryDamaged, match="version 1: the SHA-256"):
        repository.model(1)


def test_the_oldest_manifests_are_of_torchscript(repository: Repository, manifest: Manifest) -> None:
    publish(repository, b"model", manifest.model_copy(update={"format": "torchscript"}))
    path = repository.folder / "1" / "manifest.json"
    record = json.loads(path.read_text())
    del record["format"], record["max_batch_size"]
    record["contract"] = {
        "input": {"name": "x", "dtype": "UINT8", "shape": [-1, 2], "what": "pixels"},
        "output": {"name": "y", "dtype": "FP32", "shape": [-1, 1], "what": "scores"},
    }
    path.write_text(json.dumps(record))
    assert repository.model(1) == b"model"


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_is_noticed(repository: Repository, manifest: Manifest, name: str) -> None:
    publish(repository, b"model", manifest)
    (repository.folder / "1" / name).unlink()
    with pytest.raises(RepositoryDamaged, match=name.replace(".", r"\.")):
        repository.model(1)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1}', "\udcff"])
def test_a_broken_manifest_is_noticed(repository: Repository, manifest: Manifest, text: str) -> None:
    publish(repository, b"model", manifest)
    (repository.folder / "1" / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RepositoryDamaged, match="not a manifest"):
        repository.manifest(1)


@pytest.mark.parametrize("content", [b"nonsense {", b"\xff\xfe"])
def test_a_broken_config_is_noticed_and_replaced(repository: Repository, manifest: Manifest, content: bytes) -> None:
    publish(repository, b"model", manifest)
    (repository.folder / "config.pbtxt").write_bytes(content)
    with pytest.raises(RepositoryDamaged):
        repository.served()
    assert publish(repository, b"model", manifest) == 2
    assert repository.served() == 2


class Measured(Manifest):
    """A record with a field that the package doesn't know."""

    accuracy: float


def test_a_record_keeps_the_fields_of_its_kind(repository: Repository, manifest: Manifest) -> None:
    publish(repository, b"one", Measured(**manifest.model_dump(), accuracy=0.5))
    publish(repository, b"two", manifest)
    assert repository.record(1, Measured).accuracy == 0.5
    assert repository.manifest(1).contract == manifest.contract
    with pytest.raises(RepositoryDamaged, match=r"version 2: .* can't be read"):
        repository.record(2, Measured)
