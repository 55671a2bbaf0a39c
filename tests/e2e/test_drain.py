"""A stop of the api, and workers replaced under load: every request gets an answer."""

import signal
import socket
import time

import httpx
import pytest

from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.load import Load
from tests.support.process import answers, wait_until

HEAD = "POST /predict HTTP/1.1\r\nhost: api\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n"


@pytest.fixture
def digit(images) -> bytes:
    return png(images.images_u8[0, 0].numpy())


def start(run_dir, triton, **settings: str) -> ApiServer:
    return ApiServer(run_dir / "api-drain", triton.grpc_url, **settings)


def connect(api: ApiServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def code_of(response: httpx.Response) -> str:
    return response.json().get("error", {}).get("code", "")


def test_told_to_stop_it_says_so_serves_on_and_finishes_what_it_has(run_dir, triton, trainer, digit):
    with start(run_dir, triton, API_UNREADY_S="3") as api:
        api.wait_ready()
        silent, begun = connect(api), connect(api)
        begun.sendall(HEAD.format(len(digit)).encode() + digit[:50])
        assert answers(f"{api.url}/health/live")
        with httpx.Client(base_url=api.url, timeout=20) as client:
            assert "connection" not in client.post("/predict", json=as_json(digit)).headers
            api.send(signal.SIGTERM)
            wait_until(lambda: code_of(client.get("/health/ready")) == "draining", 2, "unready")

            def is_sent_away() -> bool:
                served = client.post("/predict", json=as_json(digit))
                assert served.status_code == 200
                return served.headers.get("connection") == "close"

            # Each worker gets a signal of its own, the second one a moment later where the machine is busy.
            wait_until(is_sent_away, 2, "connection: close")
            assert client.get("/health/live").status_code == 200
        wait_until(lambda: not answers(f"{api.url}/health/live", 1), 10, "no listener")
        # Connected long ago, and asking only now; and the one that had begun.
        silent.sendall(HEAD.format(len(digit)).encode() + digit)
        begun.sendall(digit[50:])
        for connection in (silent, begun):
            reply = read_all(connection)
            assert reply.startswith(b"HTTP/1.1 200 OK"), reply
            assert b"connection: close" in reply
        assert api.wait(20) == 0


def test_replaced_workers_lose_no_request_and_the_api_stays_ready(run_dir, triton, trainer, digit):
    with start(run_dir, triton) as api:
        api.wait_ready()
        before = set(api.group())
        seen = set()
        with Load(api.url, as_json(digit)) as load:
            api.send(signal.SIGHUP)

            def is_replaced() -> bool:
                seen.add(httpx.get(f"{api.url}/health/ready", timeout=20).status_code)
                return before & set(api.group()) == {api.pid}

            wait_until(is_replaced, 30, "new workers")
            answered = load.answers.total()
            wait_until(lambda: load.answers.total() > answered + 50, 20, "their answers")
        assert load.failures == []
        assert seen == {200}
    assert "Traceback" not in api.log.read_text()


def test_an_interrupt_stops_it_without_the_time_to_serve_on_for(run_dir, triton, trainer):
    with start(run_dir, triton, API_UNREADY_S="60") as api:
        api.wait_ready()
        started = time.monotonic()
        api.send(signal.SIGINT)
        assert api.wait(20) == 0
        assert time.monotonic() - started < 10
