import json

from modelrepo import publish
from modelrepo.repository import Repository
from trainer.digits.contract import CONTRACT
from trainer.digits.data import Dataset
from trainer.digits.manifest import DatasetRecord, DigitManifest, library_versions

# The contract as manifests held it before they could hold several tensors.
OLD_CONTRACT = {
    "input": {"name": "INPUT__0", "dtype": "UINT8", "shape": [-1, 1, 28, 28], "what": "white on black"},
    "output": {"name": "OUTPUT__0", "dtype": "FP32", "shape": [-1, 10], "what": "log-probabilities"},
}


def test_a_data_set_is_comparable_with_itself_only(dataset: Dataset) -> None:
    record = DatasetRecord.of(dataset)
    assert (record.train_images, record.validation_images, record.test_images) == (200, 50, 50)
    assert record.is_comparable(dataset)
    assert not record.model_copy(update={"sha256": {"f": "11"}}).is_comparable(dataset)
    assert not record.model_copy(update={"validation_images": 10}).is_comparable(dataset)


def test_a_rollback_to_an_old_manifest_writes_the_same_config(repository: Repository, manifest: DigitManifest) -> None:
    publish.publish(repository, b"model", manifest)
    config, path = repository.folder / "config.pbtxt", repository.folder / "1" / "manifest.json"
    before = config.read_text()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"contract": OLD_CONTRACT}))
    publish.point_at(repository, 1)
    assert config.read_text() == before
    assert repository.record(1, DigitManifest).validation_accuracy == manifest.validation_accuracy


def test_a_manifest_from_before_the_calibration_is_read(repository: Repository, manifest: DigitManifest) -> None:
    publish.publish(repository, b"model", manifest)
    path = repository.folder / "1" / "manifest.json"
    record = json.loads(path.read_text())
    for name in ("calibration", "drawn_images", "non_digit_images"):
        del record[name]
    path.write_text(json.dumps(record))
    assert repository.record(1, DigitManifest).calibration is None


def test_the_published_record_is_read_back_whole(repository: Repository, manifest: DigitManifest) -> None:
    publish.publish(repository, b"model", manifest)
    filled_in = {"version": 1, "previous": None, "sha256": repository.manifest(1).sha256}
    assert repository.record(1, DigitManifest) == manifest.model_copy(update=filled_in)
    assert repository.manifest(1).contract == CONTRACT


def test_the_libraries_that_the_weights_depend_on_are_named() -> None:
    assert library_versions().keys() == {"python", "torch", "numpy", "onnx", "onnxruntime", "pillow", "scikit-learn"}
