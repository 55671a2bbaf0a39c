"""One Triton: its channel, and the calls that are under way there."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from api.inference.rotation import EVERY, Rotation

_Response = TypeVar("_Response")


class LeftRotation(Exception):
    """The replica left rotation while a call waited for its answer."""


class _Call(NamedTuple):
    kind: str  # the model, or another name that no model can have
    since: float  # by the event loop's clock
    outcome: asyncio.Future[Any]


class Replica:
    """A Triton, or all those behind an address that only gRPC can resolve.

    Args:
        address: Its gRPC target.
        channel: The channel to it.
        rotation: For which models it is in rotation.
    """

    def __init__(self, address: str, channel: grpc.aio.Channel, rotation: Rotation) -> None:
        self.address, self.rotation = address, rotation
        self._channel = channel
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        # The stub's own would serialise a message, and copy every tensor twice more.
        self.infer: Callable[..., Awaitable[pb.ModelInferResponse]] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=bytes,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        self._calls: set[_Call] = set()
        self.probed: set[str] = set()  # models whose probe is under way

    @property
    def calls(self) -> int:
        """Calls under way, those that nobody waits for any more included."""
        return len(self._calls)

    async def close(self, grace_s: float | None = None) -> None:
        """Close the channel once its calls have ended, at the latest after ``grace_s``; None ends them at once."""
        await self._channel.close(grace_s)

    async def live(self, within_s: float) -> None:
        """Ask the server whether it lives; any answer says so.

        Raises:
            grpc.aio.AioRpcError: It doesn't answer.
        """
        await self.stub.ServerLive(pb.ServerLiveRequest(), timeout=within_s)

    async def run(self, kind: str, call: Awaitable[_Response]) -> tuple[_Response, float]:
        """Return the answer to a call, and the seconds that it took.

        Args:
            kind: The model that it asks, or another name for calls that take equally long.
            call: The call.

        A call that is left runs to its end: mass cancellation has crashed servers.

        Raises:
            LeftRotation: `leave` was called meanwhile.
            grpc.aio.AioRpcError: The call failed.
        """
        loop = asyncio.get_running_loop()
        entry = _Call(kind, loop.time(), loop.create_future())
        self._calls.add(entry)
        asyncio.ensure_future(call).add_done_callback(partial(self._finish, entry))
        return await entry.outcome, loop.time() - entry.since

    def leave(self, model: str, allowance_s: Callable[[str], float]) -> None:
        """Have the calls of a model, or of every model, raise `LeftRotation`.

        Args:
            model: The model, or `EVERY`.
            allowance_s: Seconds that a call of a kind may take; younger calls stay.
        """
        now = asyncio.get_running_loop().time()
        for entry in list(self._calls):
            is_meant = model in (EVERY, entry.kind) and not entry.outcome.done()
            if is_meant and now - entry.since >= allowance_s(entry.kind):
                entry.outcome.set_exception(LeftRotation())

    def _finish(self, entry: _Call, call: asyncio.Future[Any]) -> None:
        self._calls.discard(entry)
        error = None if call.cancelled() else call.exception()
        if entry.outcome.done():  # left, or cancelled
            return
        if call.cancelled():
            entry.outcome.cancel()
        elif error is not None:
            entry.outcome.set_exception(error)
        else:
            entry.outcome.set_result(call.result())
