"""Jobs with the real Redis, the real worker and the real Triton."""

import base64
import hashlib
import hmac
import io
import re
import signal
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api.jobs.celery_app import make_celery
from api.jobs.messages import send_chunks
from api.settings import Settings
from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.job_worker import JobWorker
from tests.support.poisoned_task import POISON
from tests.support.process import wait_until
from tests.support.redis_server import RedisServer
from tests.support.webhook_receiver import WebhookReceiver
from trainer.console import Console
from trainer.digits.data import load_dataset
from trainer.settings import Settings as TrainerSettings

ROOT = Path(__file__).resolve().parents[2]
TASKS = {
    "API_TASKS": "api.tasks.digits:Digits,tests.support.poisoned_task:Poisoned",
    "PYTHONPATH": str(ROOT),
}
WEBHOOKS = {"API_JOBS_WEBHOOK_SECRET": "of-the-operator-of-this-api", "API_JOBS_WEBHOOK_PRIVATE": "true"}


@pytest.fixture(scope="module")
def redis(run_dir) -> Iterator[RedisServer]:
    with RedisServer(run_dir / "redis-jobs", password="of-the-jobs") as server:
        yield server


@pytest.fixture(scope="module")
def api(run_dir, redis, triton, trainer) -> Iterator[ApiServer]:
    settings = {"API_REDIS_URL": redis.url, "API_KEYS": "alpha,beta", "API_MAX_BATCH_IMAGES": "1024"}
    with ApiServer(run_dir / "api-jobs", triton.grpc_url, **settings, **TASKS, **WEBHOOKS) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module")
def worker(run_dir, redis, triton, trainer) -> Iterator[JobWorker]:
    with JobWorker(run_dir / "worker", redis.url, triton.grpc_url, **TASKS, **WEBHOOKS) as worker:
        yield worker


@pytest.fixture
def client(api) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, timeout=120, headers={"x-api-key": "alpha"}) as client:
        yield client


@pytest.fixture(scope="module")
def files(images) -> list[bytes]:
    return [png(image[0]) for image in images.images_u8.numpy()]


def archive_of(files: Sequence[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(files):
            archive.writestr(f"digits/{number:05}.png", data)
    return buffer.getvalue()


def submit(client: httpx.Client, files: Sequence[bytes], **headers: str) -> dict[str, Any]:
    answer = client.post("/jobs/digits", files={"file": ("digits.zip", archive_of(files))}, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"
    return answer.json()


def ended(client: httpx.Client, job: dict[str, Any], within_s: float = 60) -> dict[str, Any]:
    wait_until(lambda: client.get(f"/jobs/{job['id']}").json()["state"] not in ("queued", "running"), within_s, "end")
    return client.get(f"/jobs/{job['id']}").json()


def lines_of(client: httpx.Client, job: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/jobs/{job['id']}/results{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [orjson.loads(line) for line in answer.content.splitlines()]


def test_ten_thousand_images_get_the_same_digits_as_from_the_interactive_route(client, worker):
    dataset = load_dataset(TrainerSettings(), Console()).test
    files = [png(image[0]) for image in dataset.images_u8[:10_000].numpy()]
    job = submit(client, files)
    state = ended(client, job)
    assert (state["state"], state["done"], state["failed"], state["total"]) == ("done", len(files), 0, len(files))
    lines = lines_of(client, job)
    assert [line["index"] for line in lines] == list(range(len(files)))
    assert lines[17]["name"] == "digits/00017.png"
    expected = []
    for start in range(0, len(files), 1000):
        form = [("images", ("a.png", data)) for data in files[start : start + 1000]]
        expected += client.post("/predict/batch", files=form).json()["predictions"]
    assert [line["answer"]["prediction"] for line in lines] == [each["prediction"] for each in expected]
    assert lines_of(client, job, "?from=127&limit=258") == lines[127:385]


def test_every_way_to_send_gives_the_same_results(client, worker, files):
    few = files[:5]
    lines = b"".join(orjson.dumps(as_json(data)) + b"\n" for data in few)
    ways = [
        client.post("/jobs/digits", files=[("file", (f"{n}.png", data)) for n, data in enumerate(few)]),
        client.post("/jobs/digits", content=archive_of(few), headers={"content-type": "application/zip"}),
        client.post("/jobs/digits", content=lines, headers={"content-type": "application/x-ndjson"}),
    ]
    assert [way.status_code for way in ways] == [202] * 3, ways[0].text
    answers = []
    for way in ways:
        ended(client, way.json())
        answers.append([line["answer"] for line in lines_of(client, way.json())])
    assert answers[0] == answers[1] == answers[2]


def test_tensors_of_the_protocol(client, worker, images):
    pixels = images.images_u8[:3].numpy()
    tensors = [
        {"name": "INPUT__0", "datatype": "UINT8", "shape": [1, 1, 28, 28], "data": each.tolist()} for each in pixels
    ]
    good = [orjson.dumps({"inputs": [tensor]}) for tensor in tensors]
    lines = b"\n".join([*good, b'{"inputs": []}'])
    answer = client.post("/jobs/v2/mnist_cnn", content=lines, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 202, answer.text
    state = ended(client, answer.json())
    assert (state["state"], state["done"], state["failed"]) == ("done", 3, 1)
    *answered, failed = lines_of(client, answer.json())
    direct = client.post("/v2/models/mnist_cnn/infer", content=good[0]).json()
    assert answered[0]["answer"]["outputs"][0]["data"] == pytest.approx(direct["outputs"][0]["data"], abs=1e-3)
    assert failed["error"]["code"] == "invalid_request"


def test_an_item_that_cant_be_read_fails_and_the_others_dont(client, worker, files):
    job = submit(client, [files[0], b"no image", files[1]])
    state = ended(client, job)
    assert (state["state"], state["done"], state["failed"]) == ("done", 2, 1)
    lines = lines_of(client, job)
    assert [("answer" in line, "error" in line) for line in lines] == [(True, False), (False, True), (True, False)]
    assert lines[1]["error"]["code"] == "invalid_image"
    assert ended(client, submit(client, [b"no image"]))["state"] == "failed"


def test_results_are_followed_while_the_job_runs(client, worker, files):
    job = submit(client, files * 3)
    with client.stream("GET", f"/jobs/{job['id']}/results?follow=true") as answer:
        lines = [orjson.loads(line) for line in answer.iter_lines()]
    assert [line["index"] for line in lines] == list(range(len(files) * 3))


def test_the_same_idempotency_key_gives_the_same_job(client, worker, files):
    first = submit(client, files[:3], **{"idempotency-key": "seventeen"})
    assert submit(client, files[:3], **{"idempotency-key": "seventeen"})["id"] == first["id"]
    form = {"file": ("digits.zip", archive_of(files[:4]))}
    other = client.post("/jobs/digits", files=form, headers={"idempotency-key": "seventeen"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    beta = {"x-api-key": "beta", "idempotency-key": "seventeen"}
    assert client.post("/jobs/digits", files=form, headers=beta).json()["id"] != first["id"]


def test_a_job_belongs_to_the_key_that_made_it(client, worker, files):
    job = submit(client, files[:2])
    beta = {"x-api-key": "beta"}
    for method, path in (("GET", ""), ("GET", "/results"), ("DELETE", "")):
        answer = client.request(method, f"/jobs/{job['id']}{path}", headers=beta)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_job")
    assert client.get(f"/jobs/{'0' * 32}").status_code == 404
    assert job["id"] in {each["id"] for each in client.get("/jobs").json()["jobs"]}
    assert job["id"] not in {each["id"] for each in client.get("/jobs", headers=beta).json()["jobs"]}


def test_no_key_is_in_redis_and_every_key_expires(client, worker, files, redis):
    ended(client, submit(client, files[:300], **{"idempotency-key": "of-the-audit"}))
    kept = {name: redis.client.ttl(name) for name in redis.client.scan_iter("*")}
    eternal = {name for name, ttl in kept.items() if ttl == -1}
    # Celery's own, whose number doesn't grow with the jobs: which queues there are, and the messages in them.
    of_celery = re.compile(
        r"jobs:broker:(_kombu\.binding\S+|chunks|webhooks|unacked|unacked_index|unacked_mutex|\S+\.pidbox)"
    )
    assert {name for name in eternal if not of_celery.fullmatch(name)} == set()
    assert not [name for name in kept if "alpha" in name or hashlib.sha256(b"alpha").hexdigest() in name]


def test_a_cancelled_job_stops_and_a_deleted_one_is_gone(client, worker, files, redis):
    job = submit(client, files * 8)
    wait_until(lambda: client.get(f"/jobs/{job['id']}").json()["done"] > 0, 20, "the first chunk")
    cancelled = client.delete(f"/jobs/{job['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    done = cancelled.json()["done"]
    assert done < len(files) * 8
    time.sleep(1)
    assert client.get(f"/jobs/{job['id']}").json()["done"] == done
    assert len(lines_of(client, job)) <= done
    assert client.delete(f"/jobs/{job['id']}").status_code == 204
    assert client.get(f"/jobs/{job['id']}").status_code == 404
    assert [name for name in redis.client.scan_iter("*") if job["id"] in name] == []


def test_an_expired_job_leaves_no_key_behind(run_dir, redis, triton, worker, files):
    settings = {"API_REDIS_URL": redis.url, "API_JOBS_EXPIRE_S": "2", "API_WORKERS": "1"}
    with ApiServer(run_dir / "api-expiring", triton.grpc_url, **settings) as api:
        api.wait_ready()
        with httpx.Client(base_url=api.url, timeout=30) as client:
            job = submit(client, files)
            wait_until(lambda: client.get(f"/jobs/{job['id']}").status_code == 404, 10, "its end")
            assert client.get("/jobs").json() == {"jobs": []}
    wait_until(lambda: not [name for name in redis.client.scan_iter("*") if job["id"] in name], 5, "no key")
    assert redis.client.zscore("jobs:open", job["id"]) is None


def test_a_poisoned_chunk_fails_with_a_reason_and_holds_up_no_other_job(client, worker, files):
    form = [("file", (f"{n}.png", data)) for n, data in enumerate([files[0], POISON])]
    poisoned = client.post("/jobs/poisoned", files=form).json()
    other = submit(client, files[:200])
    assert ended(client, other)["state"] == "done"
    state = ended(client, poisoned, 90)
    assert (state["state"], state["done"], state["failed"]) == ("done", 1, 1)
    good, bad = lines_of(client, poisoned)
    assert "answer" in good, "a poisoned item takes no others of its chunk with it"
    assert bad["error"]["code"] == "worker_lost"
    assert "4 attempts" in bad["error"]["message"]


def test_a_job_whose_sender_died_before_it_could_send_is_worked_off(client, worker, files, redis):
    """The api stores a job before it sends it; here the messages of the queue are lost."""
    worker.send(signal.SIGSTOP)
    job = submit(client, files[:200])
    redis.client.delete("jobs:broker:chunks")
    for chunk in range(2):  # as if the api had ended before it could note that they are sent
        redis.client.zadd(f"jobs:due:{job['id']}", {str(chunk): time.time() + 2})
    worker.send(signal.SIGCONT)
    assert ended(client, job, 20)["done"] == 200


def test_results_are_written_once_however_often_a_chunk_is_sent(client, worker, files, redis):
    job = submit(client, files * 4)
    for _ in range(3):
        send_chunks(make_celery(Settings(redis_url=redis.url)), job["id"], range(8))
    state = ended(client, job)
    assert (state["done"], state["failed"]) == (len(files) * 4, 0)
    assert [line["index"] for line in lines_of(client, job)] == list(range(len(files) * 4))


def test_the_end_is_announced_signed_and_again_where_that_failed(client, worker, files):
    with WebhookReceiver([500]) as receiver:
        job = submit(client, files[:3], **{"webhook-url": receiver.url})
        wait_until(lambda: len(receiver.received) > 1, 20, "the second attempt")
        wait_until(lambda: client.get(f"/jobs/{job['id']}").json()["webhook"]["state"] == "delivered", 5, "its note")
    assert client.get(f"/jobs/{job['id']}").json()["webhook"]["attempts"] == 2
    received = receiver.received[1]
    content = orjson.loads(received.body)
    assert (content["id"], content["state"], content["done"]) == (job["id"], "done", 3)
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    key = base64.b64decode(job["webhook_secret"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert received.headers["webhook-signature"] == f"v1,{signature}"
    assert "webhook_secret" not in content


def test_bad_uploads_are_refused_with_nothing_stored_and_memory_flat(client, api, worker, files, redis):
    before = set(redis.client.scan_iter("jobs:[ijrd]*:*"))
    kinds = {
        "bomb": (zip_of([(str(n), bytes(8_000_000)) for n in range(80)]), "application/zip", 413),
        "tiny": (many_tiny(300_000), "application/zip", 413),
        "parent": (zip_of([("../a", b"x")]), "application/zip", 422),
        "broken": (archive_of(files[:9])[:-40], "application/zip", 422),
        "no zip": (b"x" * 1000, "application/zip", 422),
        "no lines": (b"\xff" * 1000, "application/x-ndjson", 422),
        "empty": (b"", "application/x-ndjson", 422),
        "media": (b"x", "text/plain", 415),
    }
    client.post("/jobs/digits", content=b"x", headers={"content-type": "application/zip"})
    memory = pss_of(api)
    for name, (body, content_type, status) in kinds.items():
        answer = client.post("/jobs/digits", content=body, headers={"content-type": content_type})
        assert answer.status_code == status, (name, answer.text)
        assert answer.json()["error"]["code"]
    assert pss_of(api) - memory < 40_000_000
    assert set(redis.client.scan_iter("jobs:[ijrd]*:*")) <= before


def zip_of(entries: Sequence[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def many_tiny(count: int) -> bytes:
    """An archive of empty files, of which only the directory is there; the number of files is in the 64-bit record."""
    entry = b"PK\x01\x02\x14\0\x14\0" + bytes(20) + b"\x01\0" + bytes(16) + b"a"
    directory = entry * count
    return directory + b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + len(directory).to_bytes(4, "little") + bytes(6)


def pss_of(server: ApiServer) -> int:
    """Return the memory of a server's processes in bytes, shared pages counted once."""
    total = 0
    for pid in server.group():
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1]) * 1024
    return total


def test_a_full_redis_refuses_a_job_and_keeps_no_part_of_it(client, worker, files, redis):
    before = set(redis.client.scan_iter("jobs:items:*"))
    used = redis.client.info("memory")["used_memory"]
    redis.client.config_set("maxmemory-policy", "noeviction")
    for limit in (used + 100_000, used - 1_000_000):  # too little for the headroom, and none at all
        redis.client.config_set("maxmemory", max(limit, 1_000_000))
        answer = client.post("/jobs/digits", files={"file": ("digits.zip", archive_of(files))})
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "job_storage_full")
        assert int(answer.headers["retry-after"]) >= 1
    redis.client.config_set("maxmemory", 0)
    assert set(redis.client.scan_iter("jobs:items:*")) == before
    assert ended(client, submit(client, files[:3]))["state"] == "done"


def test_without_redis_jobs_are_off(run_dir, triton, trainer):
    with ApiServer(run_dir / "api-without-jobs", triton.grpc_url, API_WORKERS="1") as api:
        for method, path in (("POST", "/jobs/digits"), ("GET", "/jobs"), ("GET", f"/jobs/{'0' * 32}")):
            answer = httpx.request(method, f"{api.url}{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (501, "jobs_off")


def test_while_redis_hangs_or_is_away_jobs_answer_503_in_time_and_other_routes_serve_on(
    run_dir, triton, trainer, files
):
    redis = RedisServer(run_dir / "redis-away")
    redis.start()
    try:
        settings = {"API_REDIS_URL": redis.url, "API_WORKERS": "1"}
        with ApiServer(run_dir / "api-away", triton.grpc_url, **settings) as api:
            api.wait_ready()
            with httpx.Client(base_url=api.url, timeout=30) as client:
                submit(client, files[:2])
                redis.hang()
                assert_away(client, files)
                redis.go_on()
                wait_until(lambda: client.get("/jobs").status_code == 200, 5, "Redis' return")
                redis.stop()
                assert_away(client, files)
    finally:
        redis.go_on() if redis.is_running() else None
        redis.stop()


def assert_away(client: httpx.Client, files: Sequence[bytes]) -> None:
    form = {"file": ("digits.zip", archive_of(files[:2]))}
    asked = (
        lambda: client.post("/jobs/digits", files=form),
        lambda: client.get("/jobs"),
        lambda: client.get(f"/jobs/{'0' * 32}"),
        lambda: client.get(f"/jobs/{'0' * 32}/results"),
        lambda: client.delete(f"/jobs/{'0' * 32}"),
    )
    for ask in asked:
        start = time.monotonic()
        answer = ask()
        assert time.monotonic() - start < 2.0
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "jobs_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    start = time.monotonic()
    assert client.post("/predict", json=as_json(files[0])).status_code == 200
    assert time.monotonic() - start < 0.5
