import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from trainer.digits import idx
from trainer.errors import DataError

LABELS = b"\0\0\x08\x01" + struct.pack(">I", 3) + bytes([7, 2, 1])


def test_labels_and_images_are_read() -> None:
    images = b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 3) + bytes(range(12))
    assert idx.parse(LABELS, 1, "labels").tolist() == [7, 2, 1]
    assert np.array_equal(idx.parse(images, 3, "images"), np.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_a_file_is_read_gzipped_or_plain(tmp_path: Path, wrap) -> None:
    path = tmp_path / "labels"
    path.write_bytes(wrap(LABELS))
    assert idx.read_bytes(path) == LABELS


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "isn't an IDX file"),
        (b"<html>not found</html>", "isn't an IDX file"),
        (b"\0\0\x0d\x01" + LABELS[4:], "element type 0x0d"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 1, 1, 1) + b"a", "3 dimensions, expected 1"),
        (LABELS[:-1], "header says 11; download"),
        (LABELS + b"x", "header says 11; download"),
    ],
)
def test_wrong_files_are_refused_with_a_reason(data: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        idx.parse(data, 1, "labels")


def test_a_damaged_gzip_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    for damaged in (gzip.compress(LABELS)[:-9], gzip.compress(LABELS)[:12] + b"\xff" * 20):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"labels\.gz can't be read"):
            idx.read_bytes(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        idx.read_bytes(tmp_path / "nothing")
