"""Uploads of jobs that must leave nothing behind, and webhooks that must go nowhere, with the real processes."""

import asyncio
import contextlib
import io
import os
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.jobs import webhook
from tests.support.api_server import ApiServer
from tests.support.images import png
from tests.support.job_stack import JobStack, archive_of
from tests.support.process import wait_until
from tests.support.raw_http import Raw
from tests.support.small_disk import on_small_disk
from tests.support.webhook_receiver import WebhookReceiver

ZIP = {"content-type": "application/zip"}


@pytest.fixture(scope="module")
def stack(run_dir, trainer) -> Iterator[JobStack]:
    settings = {"API_JOBS_WEBHOOK_SECRET": "of-the-operator-of-this-api", "API_JOBS_MAX_ITEMS": "20000"}
    settings["API_JOBS_MAX_BYTES"] = str(64 * 2**20)
    with JobStack(run_dir / "job-uploads", trainer.repository, **settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def files(images) -> list[bytes]:
    return [png(image[0]) for image in images.images_u8[:200].numpy()]


def stored(stack: JobStack) -> set[str]:
    """Return what Redis holds of jobs, and the files in the folder for uploads, also those without a name."""
    spooled = {str(path) for path in stack.spool.iterdir()}
    for pid in stack.api.group():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if (path := str(link.readlink())).startswith(str(stack.spool)):
                    spooled.add(path)
    kept = {key for key in stack.redis.client.scan_iter("jobs:*") if re.match("jobs:(job|items|results|due|key):", key)}
    return kept | spooled


def zipped(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(("a.png", b"one")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def with_offset(position: int) -> bytes:
    """An archive whose only entry is said to begin before the file."""
    data = bytearray(zipped(("a.png", b"one")))
    end = data.index(b"PK\x05\x06")
    data[end + 16 : end + 20] = position.to_bytes(4, "little")
    return bytes(data)


def nameless() -> bytes:
    data = bytearray(zipped(("a", b"one")))
    position = data.index(b"PK\x01\x02")
    data[position + 28 : position + 30] = bytes(2)
    data[position + 32 : position + 34] = (1).to_bytes(2, "little")
    return bytes(data)


def a_million_tiny_files() -> bytes:
    """An archive of empty files, of which only the directory is there."""
    entry = b"PK\x01\x02\x14\0\x14\0" + bytes(20) + b"\x01\0" + bytes(16) + b"a"
    directory = entry * 1_000_000
    return directory + b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + len(directory).to_bytes(4, "little") + bytes(6)


def fields(count: int) -> bytes:
    return b'--x\r\ncontent-disposition: form-data; name="f"\r\n\r\nx\r\n' * count + b"--x--\r\n"


FORM, LINES = "multipart/form-data; boundary=x", "application/x-ndjson"
BAD = {
    "bomb of many": (lambda: zipped(*((str(n), bytes(8_000_000)) for n in range(10))), "application/zip", 413),
    "bomb of one": (lambda: zipped(("a", bytes(60_000_000))), "application/zip", 413),
    "million tiny": (a_million_tiny_files, "application/zip", 413),
    "parent": (lambda: zipped(("a/../../b", b"x")), "application/zip", 422),
    "encrypted": (encrypted, "application/zip", 422),
    "cut": (lambda: zipped(("a", b"x" * 100))[:-30], "application/zip", 422),
    "offset": (lambda: with_offset(2**31), "application/zip", 422),
    "nameless": (nameless, "application/zip", 422),
    "nested": (lambda: zipped(("a.zip", zipped(("b", b"x")))), "application/zip", 422),
    "no zip": (lambda: b"x" * 1000, "application/zip", 422),
    "empty zip": (zipped, "application/zip", 422),
    "empty lines": (lambda: b"\n" * 20_000_000, LINES, 413),
    "no lines": (lambda: b"\xff" * 1000, LINES, 422),
    "form of fields": (lambda: fields(1_000_000), FORM, 413),
    "form without end": (lambda: fields(3)[:-6], FORM, 422),
    "media": (lambda: b"x", "text/plain", 415),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_refused_with_nothing_stored_and_memory_flat(stack, files, name):
    make, content_type, status = BAD[name]
    body = make()
    for _ in range(4):  # both workers have read uploads before
        stack.client.post("/jobs/digits", content=b"x" * 3_000_000, headers=ZIP)
    before, memory = stored(stack), reset_peak(stack.api)
    start = time.monotonic()
    answer = stack.client.post("/jobs/digits", content=body, headers={"content-type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"]
    assert time.monotonic() - start < 20
    assert stored(stack) == before
    grown = {pid: peak - memory[pid] for pid, peak in peaks(stack.api).items()}
    assert max(grown.values()) < 40_000_000, f"the peak of its resident memory: {grown}"


def reset_peak(server: ApiServer) -> dict[int, int]:
    """Have the kernel forget the peaks of resident memory; return those of now in bytes."""
    for pid in server.group():
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peaks(server)


def peaks(server: ApiServer) -> dict[int, int]:
    found = {}
    for pid in server.group():
        text = Path(f"/proc/{pid}/status").read_text()
        found[pid] = int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024
    return found


def test_an_upload_that_is_cut_off_leaves_nothing(stack):
    before = stored(stack)
    head = b"POST /jobs/digits HTTP/1.1\r\nhost: a\r\ncontent-type: application/zip\r\ncontent-length: 50000000\r\n\r\n"
    with Raw(stack.api.port) as raw:
        raw.send([head, b"x" * 20_000_000])
        wait_until(lambda: stored(stack) != before, 5, "the upload")
    wait_until(lambda: stored(stack) == before, 5, "nothing of it")
    assert stack.client.get("/jobs").status_code == 200


def test_a_full_disk_answers_507_and_leaves_nothing(run_dir, stack, files):
    folder = run_dir / "full"
    folder.mkdir()
    settings = {"API_REDIS_URL": stack.redis.url, "API_JOBS_SPOOL_DIR": str(folder), "API_WORKERS": "1"}
    api = ApiServer(run_dir / "api-full", stack.triton.grpc_url, **settings)
    api.argv = on_small_disk(api.argv, folder, "2m")
    with api:
        api.wait_ready()
        for body in (b"x" * 5_000_000, archive_of([os.urandom(10_000) for _ in range(140)])):  # the body; its chunks
            answer = httpx.post(f"{api.url}/jobs/digits", content=body, headers=ZIP, timeout=30)
            assert (answer.status_code, answer.json()["error"]["code"]) == (507, "job_storage_full")
        answer = httpx.post(f"{api.url}/jobs/digits", content=archive_of(files[:3]), headers=ZIP, timeout=30)
        assert answer.status_code == 202, "the space is free again"


async def test_twenty_requests_with_one_idempotency_key_make_one_job(stack, files):
    body, headers = archive_of(files), ZIP | {"idempotency-key": "of-the-race"}
    async with httpx.AsyncClient(base_url=stack.api.url, timeout=60) as client:

        async def submit() -> httpx.Response:
            while True:
                answer = await client.post("/jobs/digits", content=body, headers=headers)
                if answer.status_code != 503:  # four uploads of a worker at a time
                    return answer
                await asyncio.sleep(0.1)

        answers = await asyncio.gather(*[submit() for _ in range(20)])
    assert {answer.status_code for answer in answers} == {202}, {answer.text for answer in answers}
    assert len({answer.json()["id"] for answer in answers}) == 1
    outcome = stack.outcome(answers[0].json()["id"])
    assert (outcome.state["done"], outcome.lost(), outcome.twice()) == (len(files), 0, 0)
    items = set(stack.redis.client.scan_iter("jobs:items:*"))
    assert items == set(), "nothing stays of the other nineteen"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"])
def test_a_webhook_to_this_machine_is_never_sent(stack, files, host):
    with WebhookReceiver() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        job_id = stack.submit(files[:1], **{"webhook-url": url})
        wait_until(lambda: stack.state(job_id)["webhook"]["attempts"] >= 1, 30, "an attempt")
        assert receiver.received == []
    assert stack.state(job_id)["webhook"]["state"] == "pending"
    assert "loopback" in stack.worker.log.read_text()


def test_a_redirection_is_not_followed():
    with WebhookReceiver() as private, WebhookReceiver([307], location=private.url) as public:
        status = webhook.post(webhook.target_of(public.url), b"{}", {}, may_be_private=True)
    assert (status, len(public.received), private.received) == (307, 1, [])


def test_a_receiver_that_answers_a_byte_now_and_then_is_left(monkeypatch):
    monkeypatch.setattr(webhook, "_ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            opened, _ = server.accept()
            with opened:
                opened.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(100):
                    if ended.wait(0.2):
                        return
                    try:
                        opened.sendall(b"a: b\r\n")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        start = time.monotonic()
        target = webhook.target_of(f"http://127.0.0.1:{server.getsockname()[1]}/")
        try:
            status = webhook.post(target, b"{}", {}, may_be_private=True)
        except OSError:
            status = 0
        assert time.monotonic() - start < 4, status
        ended.set()
        dripping.join()
