"""The inputs of a job, and chunks of them as bytes: what is kept in Redis until a worker has answered them."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import orjson

_LENGTH = struct.Struct("<I")


class Item(NamedTuple):
    """One input of a job.

    Attributes:
        name: What the client calls it, such as the file's name; empty where it has none.
        data: The input: a file, or a line of JSON.
    """

    name: str
    data: bytes


class Chunk(NamedTuple):
    """Consecutive items of a job, which one task answers.

    Attributes:
        start: Position of the first one in the job, from 0.
        items: The items.
    """

    start: int
    items: list[Item]


def pack(start: int, items: Iterable[Item]) -> bytes:
    """Return a chunk as bytes: the length of a JSON header, the header with names and sizes, then the data."""
    held = list(items)
    header = orjson.dumps({"start": start, "items": [[item.name, len(item.data)] for item in held]})
    return b"".join([_LENGTH.pack(len(header)), header, *(item.data for item in held)])


def unpack(packed: bytes) -> Chunk:
    """Return the chunk that `pack` was given."""
    (length,) = _LENGTH.unpack_from(packed)
    position = _LENGTH.size + length
    header = orjson.loads(packed[_LENGTH.size : position])
    items = []
    for name, size in header["items"]:
        items.append(Item(name, packed[position : position + size]))
        position += size
    return Chunk(header["start"], items)
