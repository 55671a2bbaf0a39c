import json
import logging
import re
import warnings
from pathlib import Path

import pytest

from api.settings import Settings
from api.telemetry import logs
from tests.unit.api.fakes import as_base64, encoded, marked

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def lines(capfd, monkeypatch):
    """Log as a worker does, and return what has been written."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging._srcfile, logging.logThreads, logging.logProcesses

    def start(form: str, level: str = "info"):
        logs.set_up(Settings(log_format=form, log_level=level))
        return lambda: [line for line in capfd.readouterr().err.splitlines() if "request" in line]

    yield start
    root.handlers[:], root.level, logging._srcfile, logging.logThreads, logging.logProcesses = kept
    logging.logMultiprocessing = True


async def test_a_request_is_one_line_of_json_with_its_stages(client, lines):
    written = lines("json")
    headers = {"x-request-id": "mine-1", "traceparent": TRACEPARENT}
    await client.post("/predict", json={"image": as_base64(encoded(marked(4)))}, headers=headers)
    (line,) = map(json.loads, written())
    took = [line.pop(f"{stage}_ms") for stage in ("decode", "queue", "triton", "total")]
    assert all(isinstance(ms, float) and ms >= 0 for ms in took)
    assert sum(took[:3]) <= took[3] + 0.03
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "api.telemetry.middleware",
        "event": "request",
        "method": "POST",
        "route": "/predict",
        "status": 200,
        "request_id": "mine-1",
        "batch_rows": 1,
        "model_version": "7",
        "trace_id": TRACE_ID,
    }


async def test_what_a_request_never_came_to_is_left_out(client, lines):
    written = lines("json")
    await client.get("/health/live")
    (line,) = map(json.loads, written())
    assert set(line) == {"time", "level", "logger", "event", "method", "route", "status", "request_id", "total_ms"}


async def test_a_terminal_gets_text(client, lines):
    written = lines("text")
    await client.get("/nowhere", headers={"x-request-id": "mine-2"})
    (line,) = written()
    assert re.search(
        r"^\d\d:\d\d:\d\d\.\d{3} info    request method=GET route=unmatched status=404 request_id=mine-2", line
    )


async def test_the_level_can_shut_it_up(client, lines):
    written = lines("json", "warning")
    await client.get("/health/live")
    assert written() == []


@pytest.mark.parametrize("given", ["", "junk", TRACEPARENT[:-1], "00-" + "0" * 5, TRACEPARENT.upper(), "ÿ"])
async def test_a_traceparent_that_is_none_is_passed_over(client, lines, given):
    written = lines("json")
    headers = {"traceparent": given.encode("latin-1")}
    assert (await client.get("/health/live", headers=headers)).status_code == 200
    assert "trace_id" not in json.loads(written()[0])


def test_whatever_is_passed_becomes_json(lines, capfd):
    lines("json")
    try:
        int("broken")
    except ValueError:
        logging.getLogger("api.test").exception("request %s", "lost", extra={"where": object, 3: "odd"})
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert line["event"] == "request lost"
    assert line["3"] == "odd"
    assert "ValueError: invalid literal" in line["exception"]


def test_what_pillow_says_of_odd_files_is_neither_kept_nor_printed(lines, capfd):
    """Each text has other figures in it: the list of those that were seen would grow with every such file."""
    from PIL import Image, TiffImagePlugin

    from tests.unit.api.test_pixels import exif_of, read

    with warnings.catch_warnings():
        lines("json")
        vars(TiffImagePlugin).pop("__warningregistry__", None)
        for size in range(20):
            read(exif_of(b"II*\0\x08\0\0\0\x09\0" + bytes(size)))
        warnings.warn_explicit("too large", Image.DecompressionBombWarning, "Image.py", 1, module="PIL.Image")
    assert vars(TiffImagePlugin).get("__warningregistry__", {}).keys() <= {"version"}
    assert not capfd.readouterr().err


def test_a_log_that_cannot_be_written_fails_no_request(lines, monkeypatch):
    lines("json")
    handler = logging.root.handlers[0]
    logging.getLogger("api.test").error("a lone surrogate: \udcff")
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(handler, "stream", full)
        logging.getLogger("api.test").error("no room")
        logs.finished(logging.getLogger("api.test"), {"route": "/predict"})
