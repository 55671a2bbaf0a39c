"""The relay of the drill: it delays what the server sends, keeps its order, and ends with either side."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bench.process import free_port
from chaos.delay import Delay

DELAY_S = 0.2


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """The address of a server that sends back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def connect(relay: Delay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = relay.address.split(":")
    return await asyncio.open_connection(host, int(port))


async def test_answers_pass_and_are_delayed_from_the_moment_that_a_delay_is_set(echo):
    async with Delay(echo) as relay:
        reader, writer = await connect(relay)
        writer.write(b"now")
        assert await reader.readexactly(3) == b"now"

        relay.delay_s = DELAY_S
        began = time.monotonic()
        writer.write(b"later")
        assert await reader.readexactly(5) == b"later"
        assert time.monotonic() - began >= DELAY_S
        writer.close()


async def test_each_answer_is_delayed_by_itself_and_the_order_is_kept(echo):
    async with Delay(echo) as relay:
        relay.delay_s = DELAY_S
        reader, writer = await connect(relay)
        began = time.monotonic()
        for number in range(20):
            writer.write(b"%02d" % number)
            await asyncio.sleep(0.01)
        assert await reader.readexactly(40) == b"".join(b"%02d" % number for number in range(20))
        assert time.monotonic() - began < 20 * DELAY_S  # not one delay after another
        writer.close()


async def test_a_client_that_ends_gets_what_is_still_under_way_and_then_the_end(echo):
    async with Delay(echo) as relay:
        relay.delay_s = DELAY_S
        reader, writer = await connect(relay)
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read() == b"last"
        writer.close()


async def test_without_a_server_the_connection_ends():
    async with Delay(f"127.0.0.1:{free_port()}") as relay:
        reader, writer = await connect(relay)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
