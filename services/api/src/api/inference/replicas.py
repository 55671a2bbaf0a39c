"""The Tritons behind one address: which of them gets a call, and which is out of rotation.

Every replica is asked a question to which the answer is known, all at the same time: whether it lives, and each task's
canary. A replica that answers wrong, or so much later than the first of them, leaves rotation until it answers in time
again; calls that wait for it are sent to another one. How long a model's own calls take leads to nothing, so that a
slow model is no fault. Where no replica answers, none leaves: calls then go to all, as if all were well.

A single replica has nobody to be compared with, and none of this costs it anything.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from api.inference.latencies import Latencies
from api.inference.rotation import EVERY, Rank, Rotation
from api.inference.targets import Target, parse_target
from api.inference.triton_channels import channel_to_all, channel_to_one
from api.inference.triton_replica import Replica
from api.settings import Settings
from api.telemetry import metrics

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

# Seconds between two looks at the addresses of a name.
_RESOLVE_S = 2.0
# Seconds that a replica has to say that it lives; until then it isn't asked again.
_LIVE_S = 2.0
# A replica may also take so many times longer than the first that answers: under load all of them are slow.
_FACTOR = 3.0


class Replicas:
    """Chooses replicas; lives in one event loop.

    Args:
        settings: Triton's address, and the times of the probes.
        connect: Returns a replica at a gRPC target, which has so many probes to answer first.
    """

    def __init__(self, settings: Settings, connect: Callable[[str, int], Replica] | None = None) -> None:
        self._settings = settings
        self._target: Target = parse_target(settings.triton_url)
        self._connect = connect or self._connected
        self._all: list[Replica] = []
        self._turn = 0
        self._latencies = Latencies()
        self._background: set[asyncio.Task[Any]] = set()
        self._use(self._target.addresses)

    def __len__(self) -> int:
        return len(self._all)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Follow the addresses and probe the replicas while the block runs; close all channels at its end."""
        watch = asyncio.create_task(self._watch()) if self._target.host or len(self) > 1 else None
        try:
            yield
        finally:
            for task in (watch, *self._background):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*[replica.close() for replica in self._all])

    def choose(self, model: str, version: str, tried: Sequence[Replica]) -> Replica:
        """Return the replica for a call: in rotation, with the fewest calls under way, in turn.

        Args:
            model: The model to ask.
            version: Its version; empty for the server's choice.
            tried: Where the call was already; other replicas are preferred.
        """
        if len(self._all) == 1:
            return self._all[0]
        now = asyncio.get_running_loop().time()
        self._turn = (self._turn + 1) % len(self._all)

        def badness(replica: Replica) -> tuple[bool, int, Rank, int]:
            rank = replica.rotation.rank(model, version, now)
            return rank is Rank.OUT, tried.count(replica), rank, replica.calls

        return min(self._all[self._turn :] + self._all[: self._turn], key=badness)

    async def run(self, replica: Replica, kind: str, call: Awaitable[_Answer], *, may_leave: bool = True) -> _Answer:
        """Return the answer to a call at a replica.

        Args:
            replica: Where it was sent.
            kind: The model that it asks, or another name for calls that take equally long.
            call: The call.
            may_leave: Whether another replica can be asked instead, should this one leave rotation.

        Raises:
            LeftRotation: The replica left rotation meanwhile.
            grpc.aio.AioRpcError: The call failed.
        """
        if len(self._all) == 1 or not may_leave:
            return await call
        answer, took_s = await replica.run(kind, call)
        self._latencies.add(kind, took_s)
        return answer

    def lack(self, replica: Replica, model: str, version: str) -> None:
        """Take down that a replica doesn't have a model."""
        replica.rotation.lack(model, version, asyncio.get_running_loop().time())

    def judge(self, replica: Replica, model: str, *, is_good: bool) -> None:
        """Take down whether a replica answers for a model, or for every one.

        Args:
            replica: The replica.
            model: The model, or `EVERY`.
            is_good: Whether it answered in time and right.
        """
        if len(self._all) == 1:
            return
        if replica.rotation.judge(model, is_good=is_good):
            level, change = (logging.INFO, "joined") if is_good else (logging.WARNING, "left")
            extra = {"address": replica.address, "model": model or "every model"}
            _log.log(level, f"replica of Triton {change} rotation", extra=extra)
            if not is_good:
                metrics.EJECTIONS.inc()
            self._count()
        if not is_good:
            replica.leave(model, self._latencies.allowance_s)

    async def ask_each(self, model: str, ask: Callable[[Replica], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Ask every replica the same, and return the first answer; replicas are judged by theirs.

        A replica that still owes its last answer isn't asked again, and stays out of rotation.

        Args:
            model: The model that it is about, or `EVERY`.
            ask: Asks one replica; fails where it answers wrong, or not within a time of its own.

        Raises:
            Exception: No replica answered: the failure of one of them. None is judged by it.
        """
        if len(self._all) == 1:
            return await ask(self._all[0])
        started = asyncio.get_running_loop().time()
        asked = {self._probe(replica, model, ask): replica for replica in self._all if model not in replica.probed}
        owing = [replica for replica in self._all if model in replica.probed and replica not in asked.values()]
        pending, failed = set(asked), []
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            failed += [probe for probe in done if probe.exception()]
            good = [probe for probe in done if not probe.exception()]
            if good:
                for replica in (*owing, *(asked[probe] for probe in failed)):
                    self.judge(replica, model, is_good=False)
                for probe in good:
                    self.judge(asked[probe], model, is_good=True)
                took_s = asyncio.get_running_loop().time() - started
                within_s = self._settings.triton_patience_s + _FACTOR * took_s
                self._in_background(self._judge_late(model, {probe: asked[probe] for probe in pending}, within_s))
                return good[0].result()
        for probe in failed:
            await probe  # raises
        raise TimeoutError

    def _probe(
        self, replica: Replica, model: str, ask: Callable[[Replica], Coroutine[Any, Any, _Answer]]
    ) -> asyncio.Task[_Answer]:
        replica.probed.add(model)
        probe = self._in_background(ask(replica))
        probe.add_done_callback(lambda _: replica.probed.discard(model))
        return probe

    async def _judge_late(self, model: str, asked: dict[asyncio.Task[_Answer], Replica], within_s: float) -> None:
        """Judge the replicas that answer after the first."""
        if not asked:
            return
        done, _ = await asyncio.wait(asked, timeout=within_s)
        for probe, replica in asked.items():
            self.judge(replica, model, is_good=probe in done and not probe.exception())

    def _in_background(self, work: Coroutine[Any, Any, _Answer]) -> asyncio.Task[_Answer]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # has been judged, or comes too late for it

    async def _watch(self) -> None:
        loop, resolved_at = asyncio.get_running_loop(), -float("inf")
        while True:
            if self._target.host and loop.time() - resolved_at >= _RESOLVE_S:
                # A name server that is away changes nothing.
                with contextlib.suppress(OSError):
                    self._use(await self._target.resolve())
                resolved_at = loop.time()
            if len(self) > 1:
                with contextlib.suppress(Exception):
                    await self.ask_each(EVERY, lambda replica: replica.live(_LIVE_S))
            await asyncio.sleep(self._settings.triton_probe_s)

    def _use(self, addresses: Sequence[str]) -> None:
        """Use the replicas at these addresses; with less than two, gRPC's own way of resolving."""
        wanted = list(addresses) if len(addresses) > 1 else [self._target.url]
        known = {replica.address: replica for replica in self._all}
        if list(known) == wanted:
            return
        # A single replica is in use at once; one of several has to answer first, unless none has.
        self._all = [
            known.pop(address) if address in known else self._connect(address, int(len(wanted) > 1))
            for address in wanted
        ]
        for replica in known.values():
            self._in_background(replica.close(self._settings.deadline_s))
        if known:
            _log.info("replicas of Triton changed", extra={"addresses": wanted})
        self._count()

    def _connected(self, address: str, probes: int) -> Replica:
        target = self._target
        if address == target.url:
            channel = channel_to_all(self._settings)
        else:
            channel = channel_to_one(self._settings, address, f"{target.host}:{target.port}" if target.host else "")
        return Replica(address, channel, Rotation(probes))

    def _count(self) -> None:
        # A name may have addresses where no Triton listens, as `localhost` has ::1: none is missing there.
        is_name = bool(self._target.host)
        metrics.REPLICAS.set(sum(replica.rotation.has_answered or not is_name for replica in self._all))
        metrics.REPLICAS_IN_ROTATION.set(sum(replica.rotation.is_in for replica in self._all))
