"""The connection around a small app, with a list in the socket's place."""

import asyncio
import gc
import weakref

import pytest

from api.server.connection import MAX_PIPELINED
from tests.unit.api.wire import GET, Client, post


@pytest.fixture
async def client():
    client = Client()
    yield client
    client.gate.set()
    client.connection.connection_lost(None)
    await client.settle()


@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\0",
        b"GET / HTTP/3.0\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        "GET /é".encode(),
    ],
)
async def test_malformed_http_gets_the_one_error_body(client, junk):
    await client.send(junk)
    assert client.statuses == [400]
    assert client.last_error()[0] == "bad_request"
    assert client.transport.is_ended
    await client.send(GET)
    assert not client.asked, "nothing after it is parsed"
    client.after(3)
    assert client.transport.is_closed


async def test_junk_waits_for_the_answers_to_what_came_before_it(client):
    await client.send(post(b"/slow", b"content-length: 2", body=b"ab") + GET + b"junk\r\n\r\n")
    assert client.statuses == []
    client.after(60)
    assert not client.transport.is_closed
    client.gate.set()
    await client.settle()
    assert client.asked == [("/slow", b"ab"), ("/quick", b"")]
    assert client.statuses == [200, 200, 400]


async def test_a_broken_body_is_the_answer_to_its_own_request(client):
    await client.send(post(b"/slow", b"transfer-encoding: chunked", body=b"zz\r\n"))
    assert client.statuses == [400]
    await client.settle()
    assert not client.asked


async def test_a_broken_body_behind_another_request_is_answered_in_its_turn(client):
    await client.send(post() + post(b"/later", b"transfer-encoding: chunked", body=b"zz\r\n"))
    assert client.statuses == []
    client.gate.set()
    await client.settle()
    assert client.asked == [("/slow", b"")]
    assert client.statuses == [200, 400]


async def test_a_broken_body_that_has_its_answer_gets_no_second_one(client):
    await client.send(post(b"/early", b"transfer-encoding: chunked"), b"zz\r\n")
    assert client.statuses == [200]
    assert client.transport.is_closed


HEADERS = b"".join(b"name-%d: value\r\n" % number for number in range(400))


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nhost: a\r\n\r\n"],
        [b"GET /"] + [b"a" * 500] * 10,
        [b"GET / HTTP/1.1\r\n", HEADERS + b"\r\n"],
        [GET + b"GET / HTTP/1.1\r\n" + HEADERS + b"\r\n"],
        [b"GET / HTTP/1.1\r\n"] + [b"x: " + b"a" * 500] * 10,
        [b"GET / HTTP/1.1\r\n"] + [b"x: y\r\n" * 50] * 20,
        [post(b"/", b"transfer-encoding: chunked"), b"1\r\na\r\n0\r\n", HEADERS],
        [post(b"/", b"transfer-encoding: chunked"), b"1;"] + [b"x" * 500] * 10,
    ],
)
async def test_headers_without_end_are_refused(client, pieces):
    await client.send(*pieces)
    asked = [("/quick", b"")] * (GET in pieces[0])
    assert client.statuses == [200] * len(asked) + [431]
    code, message = client.last_error()
    assert code == "headers_too_large"
    assert "4096" in message
    assert client.asked == asked


async def test_many_requests_with_headers_of_their_own_are_not_one_with_too_many(client):
    small = b"GET /quick HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 3900 + b"\r\n\r\n"
    await client.send(small * 3, *[small] * 3, *(small[:2000], small[2000:]) * 3)
    assert client.statuses == [200] * 9
    assert not client.transport.is_closed


async def test_a_body_may_come_in_any_pieces(client):
    client.gate.set()
    body = b"".join(b"1\r\na\r\n" for _ in range(5000)) + b"0\r\n\r\n"
    await client.send(post(b"/slow", b"transfer-encoding: chunked"), *[body[i : i + 7] for i in range(0, len(body), 7)])
    assert client.asked == [("/slow", b"a" * 5000)]


async def test_requests_that_wait_for_an_earlier_answer_are_bounded(client):
    await client.send(post() + GET * 5000)
    assert len(client.connection.pipeline) == MAX_PIPELINED
    assert client.transport.is_paused
    client.gate.set()
    await client.settle()
    for _ in range(MAX_PIPELINED):
        await client.settle()
    assert client.statuses == [200] * (MAX_PIPELINED + 1) + [400]
    assert "read some first" in client.last_error()[1]


async def test_nothing_more_is_read_while_requests_wait(client):
    await client.send(post() + GET)
    client.connection.flow.resume_reading()  # as a look for a hang-up does
    assert client.transport.is_paused
    client.gate.set()
    await client.settle()
    assert not client.transport.is_paused
    await client.send(GET)
    assert client.statuses == [200] * 3


async def test_a_connection_without_a_request_is_closed_without_an_answer(client):
    client.after(4)
    assert not client.transport.is_closed
    client.after(6)
    assert client.transport.is_closed
    assert not client.transport.written


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nhost: a", b"GET / HTTP/1.1\r\nhost: a\r\n"])
async def test_headers_that_come_too_slowly_are_late(client, begun):
    await client.send(GET, begun)
    client.after(4)
    assert client.statuses == [200]
    client.after(6)
    assert client.statuses == [200, 408]
    assert client.last_error()[0] == "request_timeout"


async def test_drops_of_headers_gain_no_time(client):
    loop = asyncio.get_running_loop()
    start = loop.time()
    await client.send(b"GET / HTTP/1.1\r\n")
    for number in range(10):
        await client.send(b"x-%d: y\r\n" % number)
        client.connection.check(start + number)
    assert client.statuses == [408]


async def test_empty_lines_instead_of_a_request_gain_no_time(client):
    await client.send(GET, b"\r\n", b"\r\n")
    client.after(1)
    client.after(7)
    assert client.transport.is_closed
    assert client.statuses == [200]


async def test_a_body_of_an_answered_request_is_bounded_in_time_and_size(client):
    await client.send(post(b"/early", b"content-length: 1000000"), b"a" * 1000)
    client.after(9)
    assert not client.transport.is_closed
    client.after(11)
    assert client.transport.is_closed
    other = Client()
    await other.send(post(b"/early", b"content-length: 1000000"), *[b"a" * 1000] * 4)
    assert not other.transport.is_closed
    await other.send(b"a" * 1000)
    assert other.transport.is_closed
    assert other.statuses == [200]


async def test_a_request_in_flight_has_no_time_out_here(client):
    await client.send(post(b"/slow", b"content-length: 2"), b"a")
    client.after(60)
    assert not client.transport.is_closed, "the app bounds the body"
    await client.send(b"b")
    client.after(60)
    assert not client.transport.is_closed
    client.gate.set()
    await client.settle()
    client.after(60)
    assert not client.transport.is_closed, "keep-alive has its own time-out"
    assert client.statuses == [200]


async def test_a_client_that_reads_nothing_is_disconnected_and_a_slow_one_is_not(client):
    now = asyncio.get_running_loop().time()
    await client.send(GET)
    client.transport.unread_bytes = 10_000
    for second in range(20):
        client.transport.unread_bytes -= 100
        client.connection.check(now + second)
    assert not client.transport.is_closed
    client.connection.check(now + 26)
    assert client.transport.is_aborted


UPGRADE = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAARAAAAAAAIAAAAA")


@pytest.mark.parametrize("size", [1, 3, 10_000])
async def test_an_upgrade_is_ignored_and_the_request_answered_over_http_1(client, size):
    """Java's client and ``curl --http2`` offer HTTP/2 with each first request, whose body must not get lost."""
    client.gate.set()
    chunked = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    wire = (
        post(b"/length", *UPGRADE, b"content-length: 3", body=b"abc")
        + post(b"/chunked", *UPGRADE, b"transfer-encoding: chunked", body=chunked)
        + post(b"/empty", *UPGRADE, b"content-length: 0")
        + post(b"/none", *UPGRADE)
        + post(b"/plain", b"content-length: 1", body=b"a")
    )
    await client.send(*[wire[i : i + size] for i in range(0, len(wire), size)])
    paths = {"/length": b"abc", "/chunked": b"abc", "/empty": b"", "/none": b"", "/plain": b"a"}
    assert client.asked == list(paths.items())
    assert client.statuses == [200] * 5
    assert not client.transport.is_closed


CLOSING = (b"connection: close",)


@pytest.mark.parametrize("headers", [CLOSING, (b"connection: close", b"transfer-encoding: chunked")])
async def test_a_last_answer_before_the_end_of_the_body_is_followed_by_the_end_and_not_by_a_reset(client, headers):
    length = () if len(headers) > 1 else (b"content-length: 3000",)
    await client.send(post(b"/early", *headers, *length), b"7d0\r\n" if not length else b"", b"a" * 2000)
    assert client.statuses == [200]
    assert client.transport.is_ended
    assert not client.transport.is_closed
    await client.send(b"a" * 1000, b"junk\r\n\r\n", GET)
    assert client.asked == [("/early", b"")], "what follows is discarded"
    assert client.statuses == [200]
    client.connection.shutdown()
    assert not client.transport.is_closed, "a worker that ends lets the client read, too"
    client.after(3)
    assert client.transport.is_closed


async def test_a_last_answer_after_the_whole_body_closes_at_once(client):
    await client.send(post(b"/early", *CLOSING, b"content-length: 2", body=b"ab"))
    assert client.transport.is_closed
    assert not client.transport.is_ended


async def test_a_last_answer_with_requests_behind_it_is_not_reset_either(client):
    await client.send(post(b"/last", b"content-length: 0") + GET * 3)
    client.gate.set()
    await client.settle()
    assert client.statuses == [200]
    assert client.transport.is_ended
    assert not client.transport.is_closed
    assert not client.transport.is_paused
    assert not client.connection.pipeline


async def test_what_is_discarded_is_bounded_in_size_and_time(client):
    head = post(b"/early", *CLOSING, b"content-length: 1000000")
    await client.send(head, *[b"a" * 1000] * 4)
    assert not client.transport.is_closed
    await client.send(b"a" * 1000)
    assert client.transport.is_closed
    slow, now = Client(), asyncio.get_running_loop().time()
    await slow.send(head)
    slow.connection._linger_until = now  # as after twice the client's time
    await slow.send(b"a")
    slow.connection.check(now + 0.1)
    assert slow.transport.is_closed


async def test_a_connection_that_is_gone_leaves_no_cycle(client):
    await client.send(GET, post(b"/early", b"content-length: 10"))
    connection, gone = client.connection, weakref.ref(client.connection)
    client.connection = Client().connection  # for the fixture
    gc.collect()
    gc.disable()
    try:
        connection.connection_lost(None)
        await client.settle()
        del connection
        assert gone() is None
    finally:
        gc.enable()
