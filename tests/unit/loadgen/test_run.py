"""The real Locust in processes of its own (its gevent patches the process that imports it), against a fake api."""

import base64
import csv
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadgen.samples import load_samples
from tests.support.process import Process, clean_env, free_port

LABELS = {sample.png: sample.label for sample in load_samples()}


class Api(BaseHTTPRequestHandler):
    """Answers the label of the image that it gets, plus the server's ``shift``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.asked += 1
        if self.server.lost_every and self.server.asked % self.server.lost_every == 0:
            # A process that is killed with unread bytes resets its connections; others just end.
            how = struct.pack("ii", self.server.asked // self.server.lost_every % 2, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        image = base64.b64decode(json.loads(body)["image"]) if "json" in self.headers["content-type"] else body
        self.server.keys.add(self.headers["x-api-key"])
        digit = (LABELS[image] + self.server.shift) % 10
        scores = [float(i == digit) for i in range(10)]
        answer = json.dumps({"prediction": digit, "probabilities": scores, "model_version": "1"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.shift = 0
    server.keys = set()
    server.asked = server.lost_every = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def settings(api: ThreadingHTTPServer, **more: str) -> dict[str, str]:
    target = f"http://127.0.0.1:{api.server_port}"
    usual = {"LOADGEN_TARGET": target, "LOADGEN_PROCESSES": "2", "LOADGEN_WEB_PORT": str(free_port())}
    return clean_env(**usual | more)


@pytest.mark.parametrize("shift,check,status", [(0, "true", 0), (1, "true", 1), (1, "false", 0)])
def test_a_wrong_label_fails_the_run_only_where_labels_are_checked(api, tmp_path, shift, check, status):
    api.shift = shift
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "--headless", "-u", "10", "-r", "10", "-t", "2s", "--csv", "run"],
        env=settings(api, LOADGEN_CHECK_LABELS=check, LOADGEN_RATE="5"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr[-3000:]
    total = (tmp_path / "run_stats.csv").read_text().splitlines()[-1].split(",")
    assert int(total[2]) > 20
    assert int(total[3]) == (int(total[2]) if status else 0)
    assert (", sent " in done.stdout + done.stderr) == bool(status)


def test_the_key_is_sent_and_not_logged(api, tmp_path):
    (tmp_path / "keys").write_text("# comment\nsesame-of-the-tests\nanother\n")
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "--headless", "-u", "2", "-r", "2", "-t", "1s", "--loglevel", "DEBUG"],
        env=settings(api, LOADGEN_API_KEY_FILE=str(tmp_path / "keys"), LOADGEN_RATE="5"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert api.keys == {"sesame-of-the-tests"}
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize("retry", ["0", "3"])
def test_lost_connections_are_failures_or_sent_again_and_counted_apart(api, tmp_path, retry):
    api.lost_every = 5
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "--headless", "-u", "10", "-r", "10", "-t", "3s", "--csv", "run"],
        env=settings(api, LOADGEN_RETRY=retry, LOADGEN_RATE="5"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    with (tmp_path / "run_stats.csv").open() as file:
        rows = {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}
    failed = sum(int(row["Failure Count"]) for (kind, _), row in rows.items() if kind)
    lost = [int(row["Request Count"]) for (kind, _), row in rows.items() if kind == "RETRY"]
    if retry == "0":
        assert done.returncode == 1
        assert failed > 5
        assert not lost
        return
    assert done.returncode == 0, done.stderr[-3000:]
    assert failed == 0
    assert sum(lost) > 5
    answered = sum(int(row["Request Count"]) for (kind, _), row in rows.items() if kind == "POST")
    assert answered > 2 * sum(lost)
    # An answer's time counts from the first attempt, and so contains the pause.
    assert max(float(row["Max Response Time"]) for (kind, _), row in rows.items() if kind == "POST") >= 25


def test_a_refused_connection_is_tried_so_many_times_and_then_a_failure(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "--headless", "-u", "1", "-r", "1", "-t", "5s", "--csv", "run"],
        env=clean_env(
            LOADGEN_TARGET=f"http://127.0.0.1:{free_port()}", LOADGEN_PROCESSES="0", LOADGEN_RETRY="2",
            LOADGEN_WEB_PORT=str(free_port()),
        ),
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    with (tmp_path / "run_stats.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["Type"]]
    lost = sum(int(row["Request Count"]) for row in rows if row["Type"] == "RETRY")
    failed = sum(int(row["Failure Count"]) for row in rows if row["Type"] == "POST")
    assert failed > 0
    assert 2 * failed <= lost <= 2 * failed + 2
    assert "no answer: ConnectionRefusedError" in done.stdout + done.stderr


@pytest.mark.parametrize("host", ["http://127.0.0.1:{port}/", "127.0.0.1:{port}", "127.0.0.1:{port}//"])
def test_a_host_without_a_scheme_or_with_a_slash_is_the_same_host(api, tmp_path, host):
    argv = [sys.executable, "-m", "loadgen", "--headless", "-u", "2", "-r", "2", "-t", "1s", "--json"]
    argv += ["--host", host.format(port=api.server_port)]
    env = settings(api, LOADGEN_RATE="10")
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    entries = json.loads(done.stdout[done.stdout.index("[\n") :])
    assert sum(entry["num_requests"] for entry in entries) > 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_worker_behind(api, tmp_path, number):
    env = settings(api)
    # SIGINT is ignored, as in a process that a shell starts in the background.
    argv = ["/bin/sh", "-c", f'trap "" INT; exec {sys.executable} -m loadgen']
    locust = Process(argv, tmp_path / "log", env, tmp_path)
    with locust:
        locust.wait_for(f"http://127.0.0.1:{env['LOADGEN_WEB_PORT']}/", 30)
        assert len(locust.group()) == 3
        started = time.monotonic()
        locust.send(number)
        locust.wait(20)
        assert locust.group() == []
        assert time.monotonic() - started < 10
