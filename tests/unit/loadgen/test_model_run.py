"""The real Locust against a fake of the Open Inference Protocol that answers the sum of each row."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.support.process import clean_env, free_port


class Api(BaseHTTPRequestHandler):
    """Serves a model ``sum of rows`` of FP32 [-1, 3] to FP32 [-1, 1], or answers a wrong datatype."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        tensors = [("inputs", "row", 3), ("outputs", "sum", 1)]
        metadata = {kind: [{"name": name, "datatype": "FP32", "shape": [-1, n]}] for kind, name, n in tensors}
        answers = {
            "/v2/models/sum%20of%20rows": {"name": "sum of rows", **metadata},
            "/v2/models/sum%20of%20rows/config": {"max_batch_size": 8},
        }
        self.server.read.append(self.path)
        found = answers.get(self.path)
        self.answer(200 if found else 404, json.dumps(found or {"error": "unknown model"}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        length = self.headers["inference-header-content-length"]
        request = json.loads(body[: int(length)] if length else body)
        (entry,) = request["inputs"]
        row = np.frombuffer(body[int(length) :], "<f4") if length else np.array(entry["data"], np.float32)
        assert (entry["shape"], row.shape) == ([1, 3], (3,))
        output = {"name": "sum", "datatype": self.server.datatype, "shape": [1, 1]}
        self.server.kinds.add("binary" if length else "JSON")
        if length:
            output["parameters"] = {"binary_data_size": 4}
        else:
            output["data"] = [float(row.sum())]
        answer = {"model_name": "sum of rows", "model_version": "1", "outputs": [output]}
        head = json.dumps(answer).encode()
        if length:
            self.answer(200, head + row.sum().tobytes(), {"Inference-Header-Content-Length": str(len(head))})
        else:
            self.answer(200, head)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # an open loop opens connections in bursts


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    server = Server(("127.0.0.1", 0), Api)
    server.datatype = "FP32"
    server.kinds, server.read = set(), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def run(api, **more: str) -> tuple[subprocess.CompletedProcess[str], int, int]:
    """Run Locust for two seconds; return how it ended, and its counts of requests and failures."""
    env = clean_env(
        LOADGEN_TARGET=f"http://127.0.0.1:{api.server_port}", LOADGEN_PROCESSES="0", LOADGEN_RATE="10",
        LOADGEN_WEB_PORT=str(free_port()), **({"LOADGEN_MODEL": "sum of rows"} | more),
    )  # fmt: skip
    # Locust's CSV files can lag behind by seconds; the JSON is written at the end.
    argv = [sys.executable, "-m", "loadgen", "--headless", "-u", "5", "-r", "5", "-t", "4s", "--json"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    entries = json.loads(done.stdout[done.stdout.index("[\n") :])
    requests, failures = (sum(entry[key] for entry in entries) for key in ("num_requests", "num_failures"))
    return done, requests, failures


@pytest.mark.parametrize("json_tensors,kind", [("false", "binary"), ("true", "JSON")])
@pytest.mark.parametrize("open_loop", ["false", "true"])
def test_random_tensors_are_sent_and_their_answers_checked(api, json_tensors, kind, open_loop):
    done, requests, failures = run(api, LOADGEN_JSON_TENSORS=json_tensors, LOADGEN_OPEN_LOOP=open_loop)
    assert done.returncode == 0, done.stderr[-3000:]
    assert requests > 5  # two of them ask for metadata
    assert failures == 0
    assert api.kinds == {kind}
    assert len(api.read) == 2, "metadata is read once a process"


def test_an_answer_of_another_datatype_is_a_failure(api):
    api.datatype = "FP64"
    done, requests, failures = run(api)
    assert done.returncode == 1
    assert failures == requests - 2  # all but the metadata
    assert "output sum: datatype FP64, declared FP32" in done.stdout + done.stderr


def test_a_model_that_is_not_there_is_the_failure(api):
    done, requests, failures = run(api, LOADGEN_MODEL="nothing")
    assert done.returncode == 1
    assert 1 <= requests == failures <= 4  # asked for again once a second
    assert "status 404: unknown model" in done.stdout + done.stderr
