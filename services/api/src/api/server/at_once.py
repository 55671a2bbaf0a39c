"""Runs a coroutine where it stands, as far as it goes without waiting, instead of making it a task that queues."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Self, cast

Work = Coroutine[Any, Any, None]


def run_at_once(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Run ``work`` here and now to its end, and return None; or, once it has to wait, a task that goes on with it.

    Until then it runs in no task of its own, so nothing in it may ask for the current one. Python 3.12 has
    ``asyncio.eager_task_factory`` for this.
    """
    try:
        waited_on = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_go_on(_Begun(work, waited_on)))


async def _go_on(begun: "_Begun") -> None:
    await begun


class _Begun:
    """What is left of a coroutine that has run up to its first wait; awaited, it begins with that wait.

    Args:
        work: The coroutine.
        waited_on: What it waits for: a future, or None for the next turn.
    """

    def __init__(self, work: Work, waited_on: Any) -> None:  # noqa: ANN401 - as asyncio's own
        self._work = work
        self._first = [waited_on]

    def __await__(self) -> Generator[Any, Any, None]:
        return cast("Generator[Any, Any, None]", self)  # as much of one as `await` asks for

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        return self.send(None)

    def send(self, value: Any) -> Any:  # noqa: ANN401
        """Go on to the next wait."""
        return self._first.pop() if self._first else self._work.send(value)

    def throw(self, error: BaseException) -> Any:  # noqa: ANN401
        """Go on with an error, such as the task's cancellation."""
        self._first.clear()
        return self._work.throw(error)

    def close(self) -> None:
        """Give up."""
        self._work.close()
