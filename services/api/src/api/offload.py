"""A thread beside the event loop for inputs that take long to decode, one of them at a time.

One thread, since a worker has about one core, and since a file of a few kilobytes may fill 300 MB while it is decoded:
a worker needs that much more memory once, however many such files arrive together.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_thread = ThreadPoolExecutor(1, "decode")
_Result = TypeVar("_Result")


async def offload(work: Callable[[], _Result]) -> _Result:
    """Run the work on the thread; cancelled before its turn, it never runs."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)
