"""Splits the items of an upload into chunks, in a file on disk, and counts them against the limits."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from api.errors import InvalidRequest, PayloadTooLarge
from api.jobs.items import Item, pack

# A chunk of large items is closed at this size: each lies in the memory of Redis and of a worker as a whole.
_CHUNK_BYTES = 4 * 2**20
# Packing runs on a thread beside the event loop. After as much work it lets go of the interpreter, so that requests
# wait for milliseconds at most; Python by itself would switch threads after 5 ms.
_WORK_S = 0.001
_PAUSE_S = 0.0002


class Limits(NamedTuple):
    """What a job may hold.

    Attributes:
        items: Most items.
        item_bytes: Most bytes of an item.
        total_bytes: Most bytes of all items together, unpacked.
    """

    items: int
    item_bytes: int
    total_bytes: int

    def check_count(self, items: int) -> None:
        """Check a number of items.

        Raises:
            PayloadTooLarge: They are too many.
        """
        if items > self.items:
            raise PayloadTooLarge(f"A job takes at most {self.items} items; split it into several.")

    def check_item(self, name: str, size: int) -> None:
        """Check an item's size in bytes.

        Raises:
            PayloadTooLarge: It is too large.
        """
        if size > self.item_bytes:
            raise PayloadTooLarge(f"{name[:100] or 'An item'} has more than {self.item_bytes} bytes, the limit of one.")

    def check_total(self, size: int) -> None:
        """Check the bytes of all items.

        Raises:
            PayloadTooLarge: They are too many.
        """
        if size > self.total_bytes:
            raise PayloadTooLarge(f"The items have more than {self.total_bytes} bytes, unpacked; split the job.")


class Packed(NamedTuple):
    """An upload, split.

    Attributes:
        file: The packed chunks, one behind the other.
        sizes: Bytes of each.
        starts: Position of each chunk's first item.
        total: Items of all chunks.
        fingerprint: The same for the same items in the same order.
    """

    file: IO[bytes]
    sizes: list[int]
    starts: list[int]
    total: int
    fingerprint: str

    def chunks(self) -> Iterator[bytes]:
        """Yield the packed chunks."""
        self.file.seek(0)
        for size in self.sizes:
            yield self.file.read(size)


def pack_items(items: Iterable[Item], file: IO[bytes], rows: int, limits: Limits) -> Packed:
    """Write items into a file as chunks.

    Args:
        items: The items in their order.
        file: Where to write.
        rows: Most items of a chunk.
        limits: What the job may hold.

    Raises:
        PayloadTooLarge: A limit is exceeded.
        InvalidRequest: There is no item.
    """
    sizes: list[int] = []
    starts: list[int] = []
    digest = hashlib.sha256()
    total = total_bytes = 0
    for chunk in _chunks(_breathing(items), rows):
        for item in chunk:
            limits.check_item(item.name, len(item.data))
            total_bytes += len(item.data)
            digest.update(f"{item.name}\0{len(item.data)}\0".encode())
            digest.update(item.data)
        limits.check_count(total + len(chunk))
        limits.check_total(total_bytes)
        packed = pack(total, chunk)
        file.write(packed)
        sizes.append(len(packed))
        starts.append(total)
        total += len(chunk)
    if not total:
        raise InvalidRequest("The job has no items.")
    file.flush()
    return Packed(file, sizes, starts, total, digest.hexdigest())


def _chunks(items: Iterable[Item], rows: int) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        if chunk and (len(chunk) >= rows or size + len(item.data) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += len(item.data)
    if chunk:
        yield chunk


def _breathing(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, and sleep now and then."""
    since = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - since > _WORK_S:
            time.sleep(_PAUSE_S)
            since = time.perf_counter()
