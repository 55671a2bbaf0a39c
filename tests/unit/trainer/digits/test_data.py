import gzip
import struct
from pathlib import Path

import pytest
import torch

from modelrepo.checksum import sha256
from trainer.console import Console
from trainer.digits import data
from trainer.digits.data import Images
from trainer.errors import DataError, DownloadFailed
from trainer.settings import Settings

NOWHERE = ("http://127.0.0.1:9/",)


@pytest.fixture
def mnist_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small IDX files under MNIST's names, and the checksums that belong to them."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    checksums = {}
    for prefix, count in (("train", 120), ("t10k", 30)):
        labels = bytes(index % 10 for index in range(count))
        contents = {
            f"{prefix}-images-idx3-ubyte": b"\0\0\x08\x03" + struct.pack(">3I", count, 28, 28) + labels * 784,
            f"{prefix}-labels-idx1-ubyte": b"\0\0\x08\x01" + struct.pack(">I", count) + labels,
        }
        for name, content in contents.items():
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            checksums[name] = sha256(content)
    monkeypatch.setattr(data, "MNIST_SHA256", checksums)
    return folder


def test_mnist_from_a_folder_is_split(mnist_dir: Path, console: Console) -> None:
    dataset = data.load_dataset(Settings(data_dir=mnist_dir, validation_images=10), console)
    assert (dataset.name, len(dataset.train), len(dataset.validation), len(dataset.test)) == ("mnist", 110, 10, 30)
    assert dataset.train.images_u8.shape == (110, 1, 28, 28)
    assert dataset.train.images_u8.dtype == torch.uint8


def test_plain_files_do_as_well(mnist_dir: Path, console: Console) -> None:
    for path in list(mnist_dir.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(data.load_dataset(Settings(data_dir=mnist_dir), console).test) == 30


def test_a_wrong_checksum_is_refused_even_where_there_is_a_fallback(mnist_dir: Path, console: Console) -> None:
    labels = mnist_dir / "train-labels-idx1-ubyte.gz"
    changed = bytearray(gzip.decompress(labels.read_bytes()))
    changed[-1] ^= 1
    labels.write_bytes(gzip.compress(bytes(changed)))
    with pytest.raises(DataError, match=r"the SHA-256 of train-labels-idx1-ubyte differs from MNIST's"):
        data.load_dataset(Settings(data_dir=mnist_dir, dataset="auto"), console)


def test_a_folder_with_some_of_the_files_is_refused(mnist_dir: Path, console: Console) -> None:
    (mnist_dir / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="lacks t10k-labels-idx1-ubyte"):
        data.load_dataset(Settings(data_dir=mnist_dir), console)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, console: Console) -> None:
    with pytest.raises(DataError, match="isn't a folder"):
        data.load_dataset(Settings(data_dir=tmp_path / "typo"), console)


def test_an_empty_folder_is_passed_over(mnist_dir: Path, tmp_path: Path, console: Console) -> None:
    (tmp_path / "empty").mkdir()
    settings = Settings(data_dir=tmp_path / "empty", cache_dir=mnist_dir, mirrors=NOWHERE)
    assert data.load_dataset(settings, console).origin == str(mnist_dir)
    assert "none of MNIST's files" in console.err.getvalue()


def test_the_fallback_says_what_it_costs(tmp_path: Path, console: Console) -> None:
    dataset = data.load_dataset(Settings(cache_dir=tmp_path, mirrors=NOWHERE), console)
    assert dataset.name == "digits"
    assert "instead of 996 in 1,000" in console.err.getvalue()
    assert "TRAINER_DATA_DIR" in console.err.getvalue()


def test_who_asks_for_mnist_gets_no_fallback(tmp_path: Path, console: Console) -> None:
    with pytest.raises(DownloadFailed):
        data.load_dataset(Settings(dataset="mnist", cache_dir=tmp_path, mirrors=NOWHERE), console)


def test_the_split_is_exact_stratified_and_always_the_same() -> None:
    labels = torch.tensor([0] * 700 + [1] * 200 + [2] * 100)
    images = Images(torch.arange(1000).reshape(-1, 1, 1, 1), labels)
    rest, held_out = data.split(images, 100)
    again = data.split(images, 100)[1]
    assert len(rest) == 900
    assert held_out.labels.bincount().tolist() == [70, 20, 10]
    assert torch.equal(held_out.images_u8, again.images_u8)
    assert not set(rest.images_u8.flatten().tolist()) & set(held_out.images_u8.flatten().tolist())


def test_the_training_can_be_limited_while_the_judges_stay(console: Console) -> None:
    whole = data.load_dataset(Settings(dataset="digits"), console)
    few = data.load_dataset(Settings(dataset="digits", train_limit=100), console)
    assert len(few.train) == 100
    assert set(few.train.labels.tolist()) == set(range(10))
    assert torch.equal(few.validation.images_u8, whole.validation.images_u8)
