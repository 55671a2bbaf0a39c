import asyncio

import pytest

from api.errors import Unavailable
from api.inference import models
from api.inference.client import ModelMetadata
from api.inference.models import Models
from tests.unit.api.fakes import FakeClient


class Counting(FakeClient):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        self.asked += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        return await super().metadata(model, version)


async def test_concurrent_callers_share_one_call_and_later_ones_need_none():
    client = Counting()
    known = Models(client)
    client.gate.clear()
    callers = [asyncio.create_task(known.metadata("m")) for _ in range(9)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)
    client.gate.set()
    assert {each.name for each in await asyncio.gather(*callers[1:])} == {"m"}
    await known.metadata("m")
    assert client.asked == 1


async def test_versions_are_kept_apart_and_expire_together():
    client = Counting()
    known = Models(client)
    await known.metadata("m")
    await known.metadata("m", "2")
    await known.metadata("n")
    assert client.asked == 3
    known.expire("m")
    assert known.known("m").name == known.known("m", "2").name == "m", "still used until the new one is there"
    await asyncio.sleep(0)
    assert client.asked == 5


async def test_an_error_is_not_kept_and_reaches_every_caller():
    client = Counting()
    client.error = Unavailable("away")
    known = Models(client)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await known.metadata("m")
    assert client.asked == 2
    assert not known._known


async def test_metadata_stay_at_hand_while_the_server_is_away(monkeypatch):
    monkeypatch.setattr(models, "_TTL_S", -1)
    client = Counting()
    known = Models(client)
    await known.metadata("m")
    client.error = Unavailable("away")
    for _ in range(3):
        assert (await known.metadata("m")).name == "m"
        await asyncio.sleep(0)
    assert client.asked > 1


async def test_what_is_out_of_date_serves_on_while_it_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(models, "_TTL_S", -1)
    client = Counting()
    known = Models(client)
    await known.metadata("m")
    client.max_batch_size = 4
    assert (await known.metadata("m")).max_batch_size == 128
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert known.known("m").max_batch_size == 4
