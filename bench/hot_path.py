"""``python -m bench.hot_path``: µs of processor that the api itself takes for a prediction, in process.

The real app answers real requests; only the sockets around it and Triton behind it are left out. That makes it steady
enough to tell what a change of a few µs does, which the whole stack on a busy machine is not.
"""

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
import uvloop

REQUESTS = 1920


class Instant:
    """Stands in Triton's place, and answers at once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def metadata(self, model: str, *_: object) -> Any:
        from api.inference.client import ModelMetadata

        return ModelMetadata(model, ("1",), "", (), (), 128)

    async def infer(self, request: Any, *_: object, **__: object) -> Any:
        from api.inference.client import InferenceResult

        (batch,) = request.inputs.values()
        scores = np.full((len(batch), 10), -9.0, np.float32)
        scores[:, 1] = -0.001
        return InferenceResult({"OUTPUT__0": scores}, "1")

    async def canary(self, request: Any, check: Any, **__: object) -> Any:
        result = await self.infer(request)
        check(result)
        return result


class Clients:
    """Call the app as uvicorn does: a scope, one message in, two messages out.

    Args:
        app: The ASGI app.
        bodies: JSON bodies to send in turn.
    """

    def __init__(self, app: Any, bodies: Sequence[bytes]) -> None:
        self._app, self._bodies = app, bodies
        self._never = asyncio.Event()

    async def measure(self, concurrency: int) -> float:
        """Return µs of processor time a request."""
        each = REQUESTS // concurrency
        start = time.process_time()
        await asyncio.gather(*(self._client(number, each) for number in range(concurrency)))
        return (time.process_time() - start) * 1e6 / (each * concurrency)

    async def _client(self, number: int, requests: int) -> None:
        for turn in range(requests):
            await self._ask(self._bodies[(number * 7 + turn) % len(self._bodies)])

    async def _ask(self, body: bytes) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        statuses = []

        async def receive() -> dict[str, Any]:
            if not messages:
                await self._never.wait()
            return messages.pop()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app(_scope(body), receive, send)
        if statuses != [200]:
            raise SystemExit(f"bench: the app answered {statuses}")


def _scope(body: bytes) -> dict[str, Any]:
    length = str(len(body)).encode()
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/predict", "raw_path": b"/predict", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"api"), (b"content-type", b"application/json"), (b"content-length", length)],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip


async def run(repeats: int, log: TextIO) -> None:
    """Measure 32 requests at a time and one at a time, and print a line for each.

    Args:
        repeats: Measurements of each kind.
        log: Where the app's log lines go.
    """
    # Only now: the metrics' folder has to be known before the app's modules are read.
    from api.app import create_app
    from api.settings import Settings
    from api.telemetry import logs
    from loadgen.samples import load_samples

    settings = Settings(log_format="json")
    app = create_app(settings, client=Instant())
    logs.set_up(settings)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(log)
    async with app.router.lifespan_context(app):
        clients = Clients(app, [sample.json_body for sample in load_samples()])
        for concurrency in (32, 1):
            await clients.measure(concurrency)
            found = [await clients.measure(concurrency) for _ in range(repeats)]
            middle, low, high = statistics.median(found), min(found), max(found)
            print(f"{concurrency:3} at a time: {middle:6.1f} µs a request ({low:.1f}–{high:.1f})", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.hot_path", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="measurements of each kind (15)")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        uvloop.run(run(repeats, nowhere))
        logging.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
