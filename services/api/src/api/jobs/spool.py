"""Files on disk for uploads: without a name, so that a process that is killed leaves none behind."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from api.errors import JobStorageFull

_PIECE_BYTES = 2**20
# One upload is read at a time: the others of this worker wait.
_thread = ThreadPoolExecutor(1, "jobs")
_Result = TypeVar("_Result")


async def beside(work: Callable[[], _Result]) -> _Result:
    """Run blocking work on the thread for uploads."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)


@contextmanager
def spool(folder: Path | None) -> Iterator[IO[bytes]]:
    """Open a file that vanishes with the block.

    Args:
        folder: Where; None for the system's place of temporary files.

    Raises:
        JobStorageFull: The disk is full, here or in the block.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            yield file
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise JobStorageFull("The api has no disk space left for uploads; try again later.", retry_after_s=60) from exc


async def receive(body: AsyncIterator[bytes], file: IO[bytes]) -> None:
    """Write a body to a file, and go back to its start."""
    held = bytearray()
    async for piece in body:
        held += piece
        if len(held) >= _PIECE_BYTES:
            full, held = held, bytearray()
            await asyncio.to_thread(file.write, full)
    await asyncio.to_thread(file.write, held)
    await asyncio.to_thread(file.seek, 0)
