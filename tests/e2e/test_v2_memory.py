"""Large binary tensors: what a worker needs of memory while it holds many at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.workers import Workers
from tests.support import protocol_models
from tests.support.api_server import ApiServer
from tests.support.protocol_requests import HEADER
from tests.support.raw_http import Raw, request
from tests.support.triton_server import TritonServer

PATH = "/v2/models/mean/infer"
IMAGES = np.random.default_rng(3).random((8, 3, 224, 224), np.float32)
CLIENTS = 12
# Beside the bodies: threads, gRPC's own buffers, and what malloc keeps at the end of the heap.
OTHER_MIB = 32


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("large")
    repository = folder / "model_repository"
    repository.mkdir()
    protocol_models.publish_mean(repository)
    settings = {"API_TASKS": "none", "API_WORKERS": "1", "API_DEADLINE_S": "60"}
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, **settings) as server,
    ):
        server.wait_ready()
        yield server


def ask(api: ApiServer, images: np.ndarray) -> None:
    entry = {"name": "image", "datatype": "FP32", "shape": images.shape}
    head = json.dumps({
        "inputs": [entry | {"parameters": {"binary_data_size": images.nbytes}}],
        "parameters": {"binary_data_output": True},
    }).encode()  # fmt: skip
    with Raw(api.port, timeout_s=60) as connection:
        body = head + images.tobytes()
        connection.send(request("POST", PATH, body=body, inference_header_content_length=str(len(head))))
        answer = connection.read()
    assert answer is not None
    assert answer.status == 200, answer.body
    means = np.frombuffer(answer.body[int(answer.headers[HEADER]) :], np.float32).reshape(-1, 3)
    np.testing.assert_allclose(means, images.mean((2, 3)), rtol=1e-4)


def test_a_worker_needs_at_most_three_times_the_bodies_that_it_holds(api):
    ask(api, IMAGES)
    time.sleep(1)
    workers = Workers(api.pid)
    workers.forget_peaks()
    (before,) = workers.pss_mib().values()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: ask(api, IMAGES), range(2 * CLIENTS)))
    (peak,) = workers.peaks_mib().values()
    held_mib = CLIENTS * IMAGES.nbytes / 2**20
    assert peak - before < 3 * held_mib + OTHER_MIB, (
        f"{before:.0f} MiB before, {peak:.0f} with {held_mib:.0f} of bodies"
    )
    time.sleep(1)
    (after,) = workers.pss_mib().values()
    assert after - before < OTHER_MIB, f"{before:.0f} MiB before, {after:.0f} after"
