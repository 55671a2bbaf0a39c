"""Work that is done without queueing for it."""

import asyncio

from api.server.at_once import run_at_once


async def test_work_that_never_waits_is_done_at_once():
    done: list[bool] = []

    async def work() -> None:
        done.append(True)

    assert run_at_once(work(), asyncio.get_running_loop()) is None
    assert done == [True]


async def test_work_that_waits_goes_on_as_a_task():
    gate = asyncio.get_running_loop().create_future()
    done: list[int] = []

    async def work() -> None:
        done.append(await gate)
        await asyncio.sleep(0)
        done.append(2)

    task = run_at_once(work(), asyncio.get_running_loop())
    assert task is not None
    assert done == []
    gate.set_result(1)
    await task
    assert done == [1, 2]


async def test_a_task_that_goes_on_can_be_cancelled():
    gate = asyncio.get_running_loop().create_future()
    ended: list[bool] = []

    async def work() -> None:
        try:
            await gate
        finally:
            ended.append(True)

    task = run_at_once(work(), asyncio.get_running_loop())
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert gate.cancelled()
    assert ended == [True]
