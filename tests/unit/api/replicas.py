"""Replicas without sockets: each answers when the test lets it."""

import asyncio
from typing import Any

import grpc

from api.inference.replicas import Replicas
from api.inference.rotation import Rotation
from api.inference.triton_replica import Replica
from api.settings import Settings


def failure(status: grpc.StatusCode, detail: str = "no") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(), detail)


class FakeChannel:
    """Answers every call with what the test says, once the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: object = "an answer"
        self.asked: list[str] = []
        self.is_closed = False

    def unary_unary(self, method: str, *_: object, **__: object) -> Any:
        async def call(*_: object, **__: object) -> object:
            self.asked.append(method.rpartition("/")[2])
            await self.gate.wait()
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer

        return call

    def stream_stream(self, *_: object, **__: object) -> None: ...

    async def close(self, grace: float | None = None) -> None:
        self.is_closed = True


class FakeReplicas(Replicas):
    """Replicas on fake channels, by address."""

    def __init__(self, *addresses: str, url: str = "", **settings: Any) -> None:
        self.channels: dict[str, FakeChannel] = {}
        url = url or f"ipv4:{','.join(addresses)}"
        settings = {"triton_patience_s": 0.02, "triton_probe_s": 0.05} | settings
        super().__init__(Settings(triton_url=url, **settings), self._fake)

    def _fake(self, address: str, probes: int) -> Replica:
        self.channels[address] = FakeChannel()
        return Replica(address, self.channels[address], Rotation(probes))

    @property
    def all(self) -> list[Replica]:
        return self._all

    async def probe(self, model: str = "") -> None:
        """Ask all whether they live, and wait until they are judged."""
        await self.ask_each(model, lambda replica: replica.live(1))
        await asyncio.sleep(0)
        late = [task for task in self._background if "_judge_late" in repr(task)]
        await asyncio.gather(*late)
