"""Bad requests of the Open Inference Protocol: each gets its status, and no worker grows, ends or reports a bug."""

import gzip
import json
import random
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.fuzz.ledger import Ledger
from tests.fuzz.workers import Workers
from tests.support import protocol_models
from tests.support.api_server import ApiServer
from tests.support.fuzzing import FACTOR
from tests.support.protocol_requests import HEADER
from tests.support.raw_http import Raw, request
from tests.support.triton_server import TritonServer

pytestmark = pytest.mark.timeout(300 * FACTOR)
SEED = 1 if FACTOR == 1 else random.SystemRandom().randrange(2**31)
PATH = "/v2/models/same_fp32/infer"
LIMIT = 2**24
# Of a worker, between the first round of everything and the last.
MAX_GROWTH_MIB = 24
# Of a worker, for the costliest body: JSON costs some eight times its size while it is read.
MAX_PEAK_MIB = 400
GOOD = {"name": "given", "datatype": "FP32", "shape": [1, 3], "data": [1.5, 2, 3]}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder: Path = tmp_path_factory.mktemp("bad-protocol")
    repository = folder / "model_repository"
    repository.mkdir()
    protocol_models.publish_identities(repository)
    settings = {"API_TASKS": "none", "API_DEADLINE_S": "30", "API_V2_MAX_BODY_BYTES": str(LIMIT)}
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, API_LOG_FORMAT="json", **settings) as api,
    ):
        api.wait_ready()
        workers = Workers(api.pid)
        yield SimpleNamespace(api=api, ledger=Ledger(), workers=workers, pids=workers.pids())


def post(target: SimpleNamespace, body: bytes, what: str, path: str = PATH, **headers: str) -> int:
    with Raw(target.api.port, timeout_s=60) as connection:
        given = {"content_length": str(len(body)), "connection": "close"} | headers
        connection.send(request("POST", path, body=body, **given))
        answer = connection.read()
    assert answer is not None, f"{what}: no answer"
    return target.ledger.note(answer.status, answer.headers, answer.body, what)


def json_of(**fields: object) -> bytes:
    return json.dumps({"inputs": [GOOD | fields]}).encode()


def lying(target: SimpleNamespace) -> None:
    """Lengths, shapes and counts that don't match."""
    head = json.dumps({"inputs": [{"name": "given", "datatype": "FP32", "shape": [1, 3],
                                   "parameters": {"binary_data_size": 12}}]}).encode()  # fmt: skip
    blob = struct.pack("<3f", 1, 2, 3)
    assert post(target, head + blob, "good", inference_header_content_length=str(len(head))) == 200
    for value in ("-1", "abc", "1e3", "0x10", "9" * 30, str(len(head) + 13), str(len(head) - 1), "1", "+5", "5.0"):
        assert post(target, head + blob, f"header {value}", inference_header_content_length=value) == 400
    for shape in ([2**62, 3], [1, 2**62], [1, 2**63], [1, 2**70], [8, 2**40], [-1, -3], [1], [1] * 65, [1, 3, 0]):
        assert post(target, json_of(shape=shape), f"shape {str(shape)[:40]}") == 400
    for size in (2**62, 2**70, -1, 0, 1, 1.5, "12", None, [12]):
        entry = {"name": "given", "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": size}}
        lie = json.dumps({"inputs": [entry]}).encode()
        assert post(target, lie + blob, f"size {size}", inference_header_content_length=str(len(lie))) == 400


def deep(target: SimpleNamespace) -> None:
    """JSON that is deep, wide, or none."""
    for body in (b"[" * 2_000_000, b'{"inputs":' * 500_000, b'{"a":[' * 300_000, b"", b"\0", b"\xff" * 1000, b"nul"):
        assert post(target, body, f"body {body[:12]!r}") == 400
    for field in ("inputs", "outputs", "parameters", "id"):
        for value in (None, 5, "x", [], {}, [[]], [None], True, [{}] * 2000, {str(i): 1 for i in range(200)}):
            status = post(target, json.dumps({"inputs": [GOOD], field: value}).encode(), f"{field} {str(value)[:20]}")
            assert status in (200, 400)
    wide = json.dumps({"inputs": [GOOD], "parameters": {f"key {i}": i for i in range(100_000)}}).encode()
    assert post(target, wide, "100,000 parameters") == 400
    assert post(target, json.dumps({"inputs": [GOOD] * 100_000}).encode(), "100,000 inputs") == 400
    zeros = b'{"inputs":[{"name":"given","datatype":"FP32","shape":[1,3],"data":[%b]}]}'
    assert post(target, zeros % b",".join([b"0"] * (LIMIT // 2 - 100)), "8 million elements for three") == 400
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1e39", b"01", b"1.", b"0x1", b"null", b"true", b'"1"'):
        assert post(target, zeros % b",".join([text] * 3), f"element {text!r}") == 400


def packed(target: SimpleNamespace) -> None:
    """Bombs, and what is no gzip."""
    for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        assert post(target, pack(json_of()), coding, content_encoding=coding) == 200
        for bomb in (bytes(LIMIT + 1), bytes(2**28)):
            assert post(target, pack(bomb), f"{coding} bomb", content_encoding=coding) == 413
        good = pack(json_of())
        for body in (good[:-1], good[: len(good) // 2], good + b"x", b"x" + good, b"", json_of()):
            assert post(target, body, f"{coding} damaged", content_encoding=coding) == 400
    for coding in ("br", "zstd", "gzip, gzip", "x" * 300):
        with Raw(target.api.port, timeout_s=60) as connection:
            connection.send(request("POST", PATH, body=json_of(), content_encoding=coding, connection="close"))
            answer = connection.read()
        assert answer is not None
        assert answer.status == 501
    assert post(target, b" " * (LIMIT + 1), "too large") == 413


def in_chunks(target: SimpleNamespace) -> None:
    """A body in a million chunks of a byte, and bodies in chunks without end."""
    body = json_of()
    body += b" " * (1_000_000 - len(body))
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = request("POST", PATH, transfer_encoding="chunked", connection="close")
    for what, sent, status in (
        ("a million chunks", chunks, 200),
        ("without end", b"10000\r\n" + bytes(65536) + b"\r\n", 413),
    ):
        with Raw(target.api.port, timeout_s=60) as connection:
            connection.send([head, *([sent] if status == 200 else [sent] * (LIMIT // 65536 + 8))])
            answer = connection.read()
        assert answer is not None, what
        assert (what, answer.status) == (what, status)


def names(target: SimpleNamespace) -> None:
    """Names with slashes, escapes, unicode, and what a path or a log line could take for its own."""
    odd = ("a%2Fb", "%2e%2e", "..%2f..", "%00", "%0a", "%ff", "%F0%9F%92%A9", "a%20b", "x" * 5000, "%25", "'", "%22",
           "same_fp32%2Finfer", "same_fp32%20", "*", "%7B%7D", "~", "same_fp32;x", "stats")  # fmt: skip
    for name in odd:
        assert post(target, json_of(), name, f"/v2/models/{name}/infer") == 404, name
    for version in ("0", "-1", "x", "9" * 40, "%31%00", "1.0", "%D9%A1", "2"):
        assert post(target, json_of(), version, f"/v2/models/same_fp32/versions/{version}/infer") in (400, 404), version
    assert post(target, json_of(), "escaped", "/v2/models/same%5Ffp32/versions/%31/infer") == 200
    for field in ("name", "datatype"):
        for value in ("", "\x00", "é", "💩", "x" * 10_000, "\n", None, 5, [], {}):
            assert post(target, json_of(**{field: value}), f"{field} {str(value)[:10]}") == 400
    region = {"shared_memory_region": "r", "shared_memory_offset": 0, "shared_memory_byte_size": 12}
    for key, value in region.items():
        assert post(target, json_of(parameters={key: value}), key) == 400
        wanted = {"inputs": [GOOD], "outputs": [{"name": "same", "parameters": {key: value}}]}
        assert post(target, json.dumps(wanted).encode(), key) == 400
    for value in (2**63, 2**64, -(2**70), 1e308, "x" * 100_000, "\x00"):
        body = json.dumps({"inputs": [GOOD], "parameters": {"own": value}}).encode()
        assert post(target, body, f"parameter {str(value)[:10]}") in (200, 400)


def damaged(target: SimpleNamespace, number: int, seed: int) -> None:
    """Good requests of which a few bytes were changed."""
    chance = random.Random(seed)
    head = json.dumps({"inputs": [{"name": "given", "datatype": "FP32", "shape": [1, 3],
                                   "parameters": {"binary_data_size": 12}}], "id": "i"}).encode()  # fmt: skip
    for turn in range(number):
        data = bytearray(chance.choice([head + bytes(12), json_of(), gzip.compress(json_of())]))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice([0, 1, 1, 3])] = chance.randbytes(chance.choice([0, 1, 1, 2]))
        headers = chance.choice([
            {}, {"inference_header_content_length": str(len(head) + chance.randint(-2, 2))},
            {"content_encoding": chance.choice(["gzip", "deflate"])},
        ])  # fmt: skip
        assert post(target, bytes(data), f"damaged {turn}", **headers) in (200, 400)


@pytest.mark.parametrize("kind", [lying, deep, packed, in_chunks, names], ids=lambda kind: kind.__name__)
def test_bad_requests_get_their_status(target: SimpleNamespace, kind):
    kind(target)


def test_damaged_requests_are_answered_soundly(target: SimpleNamespace):
    damaged(target, 200 * FACTOR, SEED)


def test_bad_requests_cost_their_neighbours_nothing(target: SimpleNamespace):
    values = np.arange(3, dtype=np.float32)

    def ask(number: int) -> None:
        if number % 2:
            assert post(target, json_of(shape=[1, 4]), "bad") == 400
            return
        head = json.dumps({"inputs": [{"name": "given", "datatype": "FP32", "shape": [1, 3],
                                       "parameters": {"binary_data_size": 12}}],
                           "parameters": {"binary_data_output": True}}).encode()  # fmt: skip
        body = head + (values + number).tobytes()
        with Raw(target.api.port) as connection:
            connection.send(request("POST", PATH, body=body, inference_header_content_length=str(len(head))))
            answer = connection.read()
        assert answer is not None
        assert answer.status == 200
        elements = answer.body[int(answer.headers[HEADER]) :]
        np.testing.assert_array_equal(np.frombuffer(elements, np.float32), values + number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(200)))


def test_rounds_of_everything_lose_no_worker_and_no_memory(target: SimpleNamespace):
    def round_of(number: int) -> None:
        for kind in (lying, deep, packed, in_chunks, names):
            kind(target)
        damaged(target, 50, SEED + number)

    round_of(0)
    before = target.workers.pss_mib()
    target.workers.forget_peaks()
    for number in range(1, 1 + FACTOR):
        round_of(number)
    peaks = target.workers.peaks_mib()
    time.sleep(1)
    after = target.workers.pss_mib()
    figures = f"before {before}, after {after}, at most {peaks}; {dict(target.ledger.statuses)}"
    print(f"\n{figures}")  # noqa: T201 - the record of the run
    assert target.workers.pids() == target.pids, "a worker was lost"
    for pid, mib in after.items():
        assert mib - before[pid] < MAX_GROWTH_MIB, f"worker {pid} has grown from {before[pid]:.0f} to {mib:.0f} MiB"
        assert peaks[pid] - before[pid] < MAX_PEAK_MIB, f"worker {pid} needed {peaks[pid]:.0f} MiB"


def test_nothing_of_all_this_was_a_bug_to_the_api(target: SimpleNamespace):
    log = Path(target.api.log).read_text(errors="replace")
    assert '"level":"error"' not in log, [line for line in log.splitlines() if '"level":"error"' in line][:3]
    assert "Traceback" not in log
    assert post(target, json_of(), "good") == 200
