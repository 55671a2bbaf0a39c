"""Which replica gets a call, and what becomes of those that wait for one that hangs."""

import asyncio
import socket
from collections.abc import Callable

import grpc
import pytest

from api.inference import replicas as module
from api.inference.rotation import EVERY, RETURN_PROBES
from api.inference.triton_replica import LeftRotation, Replica
from tests.unit.api.replicas import FakeReplicas, failure

A, B = "ipv4:10.0.0.1:8001", "ipv4:10.0.0.2:8001"


@pytest.fixture
async def pair() -> FakeReplicas:
    """Two replicas in rotation."""
    pair = FakeReplicas("10.0.0.1:8001", "10.0.0.2:8001")
    await pair.probe()
    assert [replica.rotation.is_in for replica in pair.all] == [True, True]
    return pair


def chosen(replicas: FakeReplicas, calls: int = 6, model: str = "m", version: str = "") -> set[str]:
    return {replicas.choose(model, version, ()).address for _ in range(calls)}


async def waiting(replicas: FakeReplicas, replica: Replica, kind: str = "m") -> asyncio.Task[object]:
    task = asyncio.create_task(replicas.run(replica, kind, replica.infer(b"")))
    await asyncio.sleep(0)
    return task


async def test_calls_go_to_all_in_turn_and_to_the_one_with_fewer_under_way(pair):
    assert [pair.choose("m", "", ()).address for _ in range(4)] in ([A, B, A, B], [B, A, B, A])
    pair.channels[A].gate.clear()
    task = await waiting(pair, pair.all[0])
    assert chosen(pair) == {B}
    pair.channels[A].gate.set()
    assert await task == "an answer"
    assert chosen(pair) == {A, B}


async def test_a_hung_replica_leaves_rotation_and_its_calls_go_to_the_other(pair):
    pair.channels[A].gate.clear()
    pair._latencies.add("m", 0.001)
    task = await waiting(pair, pair.all[0])
    await pair.probe()
    with pytest.raises(LeftRotation):
        await task
    assert chosen(pair) == {B}
    assert pair.all[0].calls == 1  # left, but not cancelled

    pair.channels[A].gate.set()
    await asyncio.sleep(0.01)  # the answer that it still owed
    for turn in range(RETURN_PROBES):
        assert chosen(pair) == {B}, turn
        await pair.probe()
    assert chosen(pair) == {A, B}
    assert pair.all[0].calls == 0


async def test_a_replica_that_still_owes_an_answer_is_not_asked_again(pair):
    pair.channels[A].gate.clear()
    for _ in range(3):
        await pair.probe()
    assert pair.channels[A].asked == ["ServerLive"] * 2  # one was answered before
    assert pair.channels[B].asked == ["ServerLive"] * 4


async def test_a_slow_model_s_calls_are_neither_left_nor_counted_against_the_replica(pair):
    pair._latencies.add("slow", 5.0)
    pair.channels[A].gate.clear()
    slow = await waiting(pair, pair.all[0], "slow")
    pair.channels[B].gate.clear()
    other = await waiting(pair, pair.all[1], "slow")
    pair.channels[B].gate.set()
    await asyncio.sleep(0.05)
    assert pair.all[0].rotation.is_in  # nothing but probes takes a replica out
    assert await other == "an answer"

    await pair.probe()  # which A doesn't answer
    assert chosen(pair, model="fast") == {B}
    assert not slow.done()
    pair.channels[A].gate.set()
    assert await slow == "an answer"


async def test_a_call_of_a_model_never_seen_is_left_later(pair, monkeypatch):
    monkeypatch.setattr("api.inference.latencies._UNSEEN_S", 0.05)
    pair.channels[A].gate.clear()
    task = await waiting(pair, pair.all[0])
    await pair.probe()
    assert not task.done()
    await asyncio.sleep(0.05)
    await pair.probe()
    with pytest.raises(LeftRotation):
        await task


async def test_where_none_answers_none_leaves(pair):
    for channel in pair.channels.values():
        channel.answer = failure(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(grpc.aio.AioRpcError):
        await pair.probe()
    assert chosen(pair) == {A, B}


async def test_a_replica_that_is_slow_for_one_model_keeps_the_others(pair):
    pair.channels[A].gate.clear()
    await pair.probe("m")
    assert chosen(pair, model="m") == {B}
    assert chosen(pair, model="other") == {A, B}


async def test_a_wrong_answer_is_as_bad_as_none(pair):
    async def ask(replica: Replica) -> str:
        if replica.address == A:
            raise ValueError("wrong")
        return "right"

    assert await pair.ask_each("m", ask) == "right"
    await pair.probe("other")
    assert chosen(pair, model="m") == {B}


async def test_once_both_are_out_calls_go_to_both(pair):
    for replica in pair.all:
        pair.judge(replica, EVERY, is_good=False)
    assert chosen(pair) == {A, B}


async def test_a_replica_without_the_model_gets_none_of_its_calls_for_a_moment(pair):
    pair.lack(pair.all[0], "m", "2")
    assert chosen(pair, version="2") == {B}
    assert chosen(pair, version="1") == {A, B}


async def test_a_single_replica_is_never_judged():
    one = FakeReplicas("10.0.0.1:8001")
    (replica,) = one.all
    one.judge(replica, EVERY, is_good=False)
    assert replica.rotation.is_in
    assert await one.ask_each("m", lambda asked: asked.infer(b"")) == "an answer"


async def test_the_addresses_of_a_name_are_followed(monkeypatch):
    monkeypatch.setattr(module, "_RESOLVE_S", 0)
    found = ["10.0.0.1"]

    async def getaddrinfo(host: str, port: int, **_: object):
        assert host == "triton"
        if not found:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    replicas = FakeReplicas(url="dns:///triton:8001")

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def becomes(*addresses: str) -> None:
        await until(lambda: [replica.address for replica in replicas.all] == list(addresses))

    async with replicas.watched():
        await becomes("dns:///triton:8001")  # one address is gRPC's own affair
        found.append("10.0.0.2")
        await becomes(A, B)
        await until(lambda: replicas.channels["dns:///triton:8001"].is_closed)
        found.clear()  # a name server that is away changes nothing
        await asyncio.sleep(0.12)
        await becomes(A, B)
        found.extend(["10.0.0.2", "10.0.0.3"])
        replicas.channels[B].gate.clear()
        await becomes(B, "ipv4:10.0.0.3:8001")
        await until(lambda: replicas.channels[A].is_closed)
        assert not replicas.channels[B].is_closed
        await until(lambda: replicas.all[1].rotation.is_in)  # the new one gets calls once it has answered
    assert all(channel.is_closed for channel in replicas.channels.values())


async def test_an_address_of_a_name_counts_from_its_first_answer_on(monkeypatch, caplog):
    async def getaddrinfo(host: str, port: int, **_: object):
        return [
            (family, socket.SOCK_STREAM, 6, "", (number, port))
            for family, number in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
        ]

    def counted() -> tuple[float, float]:
        return module.metrics.REPLICAS._value.get(), module.metrics.REPLICAS_IN_ROTATION._value.get()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    localhost = FakeReplicas(url="localhost:8001")
    localhost._use(await localhost._target.resolve())
    six = localhost.channels["ipv6:[::1]:8001"]
    six.answer = failure(grpc.StatusCode.UNAVAILABLE)
    for _ in range(RETURN_PROBES):
        await localhost.probe()
    assert chosen(localhost) == {"ipv4:127.0.0.1:8001"}
    assert counted() == (1, 1)
    assert "left rotation" not in caplog.text

    six.answer = "an answer"
    for _ in range(RETURN_PROBES):
        await localhost.probe()
    assert counted() == (2, 2)
    six.answer = failure(grpc.StatusCode.UNAVAILABLE)
    await localhost.probe()
    assert counted() == (2, 1)


async def test_a_listed_address_counts_before_it_has_answered():
    listed = FakeReplicas("10.0.0.1:8001", "10.0.0.3:8001")
    listed.channels["ipv4:10.0.0.3:8001"].answer = failure(grpc.StatusCode.UNAVAILABLE)
    await listed.probe()
    assert (module.metrics.REPLICAS._value.get(), module.metrics.REPLICAS_IN_ROTATION._value.get()) == (2, 1)


async def test_left_and_joined_are_logged_and_counted(pair, caplog):
    caplog.set_level("INFO")
    before = module.metrics.EJECTIONS._value.get()
    pair.judge(pair.all[0], EVERY, is_good=False)
    pair.judge(pair.all[0], EVERY, is_good=False)
    assert module.metrics.EJECTIONS._value.get() == before + 1
    assert (module.metrics.REPLICAS._value.get(), module.metrics.REPLICAS_IN_ROTATION._value.get()) == (2, 1)
    for _ in range(RETURN_PROBES):
        pair.judge(pair.all[0], EVERY, is_good=True)
    assert module.metrics.REPLICAS_IN_ROTATION._value.get() == 2
    assert [record.message.split()[3] for record in caplog.records if "rotation" in record.message] == [
        "left",
        "joined",
    ]
