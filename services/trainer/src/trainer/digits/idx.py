"""The IDX format of MNIST's files: bytes → array.

Source: http://yann.lecun.com/exdb/mnist/ (section "FILE FORMATS").
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
UINT8_TYPE_CODE = 0x08


def read_bytes(path: Path) -> bytes:
    """Return the uncompressed bytes of a file, gzipped or plain.

    Raises:
        DataError: The file can't be read, or its gzip stream is damaged.
    """
    try:
        return unpack(path.read_bytes())
    except (OSError, EOFError, zlib.error) as exc:
        raise DataError(f"{path} can't be read: {exc}") from exc


def unpack(raw: bytes) -> bytes:
    """Return ``raw`` uncompressed, if it is gzipped."""
    return gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw


def parse(data: bytes, dimensions: int, name: str) -> NDArray[np.uint8]:
    """Turn the bytes of an IDX file into an array.

    Args:
        data: The uncompressed file.
        dimensions: The expected number of dimensions: 1 for labels, 3 for images.
        name: The file's name, for errors.

    Returns:
        uint8, of the shape in the header; read-only, because it shares memory with ``data``.

    Raises:
        DataError: Not an IDX file, another element type, another number of dimensions, too short or too long.
    """
    header_bytes = 4 + 4 * dimensions
    if len(data) < header_bytes or data[:2] != b"\x00\x00":
        raise DataError(f"{name} isn't an IDX file: it must start with two zero bytes and a header")
    if data[2] != UINT8_TYPE_CODE:
        raise DataError(f"{name}: element type 0x{data[2]:02x}, expected 0x08 (unsigned byte)")
    if data[3] != dimensions:
        raise DataError(f"{name}: {data[3]} dimensions, expected {dimensions}; are images and labels swapped?")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    expected_bytes = header_bytes + int(np.prod(shape, dtype=np.uint64))
    if len(data) != expected_bytes:
        raise DataError(f"{name}: {len(data):,} bytes, but its header says {expected_bytes:,}; download the file again")
    return np.frombuffer(data, np.uint8, offset=header_bytes).reshape(shape)
