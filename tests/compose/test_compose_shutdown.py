"""An api that is told to stop finishes what it has begun; and at the end nothing is left."""

import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from docker.client import DockerClient

from tests.compose.stack import Stack, url_of
from tests.support.process import answers, wait_until

DIGIT = (Path(__file__).parents[2] / "docs/digit.png").read_bytes()
HEAD = (
    f"POST /predict HTTP/1.1\r\nhost: api\r\ncontent-type: image/png\r\ncontent-length: {len(DIGIT)}\r\n\r\n".encode()
)
CLIENTS = 8


def test_an_api_told_to_stop_in_the_middle_of_requests_finishes_them(running: Stack):
    api = running.container("api")
    url = url_of(api, 8888)
    place = (urlsplit(url).hostname, urlsplit(url).port)
    half = len(DIGIT) // 2
    begun = [socket.create_connection(place, timeout=60) for _ in range(CLIENTS)]
    for connection in begun:
        connection.sendall(HEAD + DIGIT[:half])
    # Every worker has read the half by the time it answers somebody who came later.
    wait_until(lambda: answers(f"{url}/health/live"), 10, "an answer")

    stopping = threading.Thread(target=api.stop, kwargs={"timeout": 60})
    stopping.start()
    wait_until(lambda: not answers(f"{url}/health/live", 1), 20, "the door shut")
    for connection in begun:
        connection.sendall(DIGIT[half:])
    replies = [read_all(connection) for connection in begun]
    stopping.join()

    assert [reply.split(b"\r\n", 1)[0] for reply in replies] == [b"HTTP/1.1 200 OK"] * CLIENTS
    api.reload()
    assert api.attrs["State"]["ExitCode"] == 0, api.logs(tail=20)

    api.start()
    wait_until(lambda: answers(f"{url_of(api, 8888)}/health/ready"), 60, "the api's return")


def read_all(connection: socket.socket) -> bytes:
    with connection:
        parts = list(iter(lambda: connection.recv(65536), b""))
    return b"".join(parts)


def test_down_leaves_nothing(running: Stack, engine: DockerClient):
    running.compose("down", "--volumes")
    mine = {"label": f"com.docker.compose.project={running.project}"}
    assert engine.containers.list(all=True, filters=mine) == []
    assert engine.networks.list(filters=mine) == []
    assert engine.volumes.list(filters=mine) == []
