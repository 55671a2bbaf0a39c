"""Runs in a pod: asks a Service for digits at a fixed rate until stdin ends, and prints one JSON object of counts.

    client.py URL RATE

Half of the requests open a connection each ("new"), the others use kept connections ("kept"). No request is sent twice.
Latency counts from the time at which a request is due (open loop). Standard library only; digits in /code/digits.json.
"""

import collections
import http.client
import json
import pathlib
import queue
import socket
import sys
import threading
import time
import urllib.parse

THREADS = 16  # of each kind
TIMEOUT_S = 10


class Kind:
    """The requests of one kind: threads that send them, and their outcomes."""

    def __init__(self, url: str, bodies: list[tuple[bytes, int]], *, keep: bool) -> None:
        self._url, self._bodies, self._keep = urllib.parse.urlsplit(url), bodies, keep
        self._due: queue.SimpleQueue = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        self.outcomes: list = []  # (what, latency in seconds)
        self.versions: set = set()  # of the model
        for thread in self._threads:
            thread.start()

    def send(self, number: int, at: float) -> None:
        """Have a request sent that is due at a time of `time.monotonic`."""
        self._due.put((number, at))

    def end(self) -> None:
        """Wait for all answers."""
        for _ in self._threads:
            self._due.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection = None
        while (job := self._due.get()) is not None:
            number, at = job
            body, label = self._bodies[number % len(self._bodies)]
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=TIMEOUT_S)
                what, again = self._ask(connection, body, label)
            except (OSError, http.client.HTTPException) as error:
                what, again = describe(error), False
            if not again and connection is not None:
                connection.close()
                connection = None
            self.outcomes.append((what, time.monotonic() - at))

    def _ask(self, connection: http.client.HTTPConnection, body: bytes, label: int) -> tuple[str, bool]:
        """Send a request; return its outcome, and whether the connection can be used again."""
        headers = {"content-type": "application/json"} | ({} if self._keep else {"connection": "close"})
        connection.request("POST", "/predict", body, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != http.HTTPStatus.OK:
            code = json.loads(text)["error"]["code"] if text.startswith(b'{"error"') else ""
            return f"{response.status} {code}", False
        answer = json.loads(text)
        self.versions.add(answer["model_version"])
        return "ok" if answer["prediction"] == label else "wrong", self._keep and not response.will_close

    def summary(self) -> dict:
        """Return counts, and latencies of the answers in ms."""
        counts = collections.Counter(what for what, _ in self.outcomes)
        times = sorted(1000 * taken for what, taken in self.outcomes if what == "ok")
        return {
            "sent": len(self.outcomes),
            "answered": counts.pop("ok", 0),
            "wrong": counts.pop("wrong", 0),
            "failures": counts,
            "p50_ms": quantile(times, 0.5),
            "p99_ms": quantile(times, 0.99),
            "versions": sorted(self.versions),
        }


def describe(error: Exception) -> str:
    """Return what failed, without addresses and numbers."""
    if isinstance(error, socket.gaierror):
        return "name not found"
    return type(error).__name__


def quantile(times: list[float], share: float) -> float | None:
    """Return a quantile of sorted times."""
    return round(times[min(len(times) - 1, int(len(times) * share))], 1) if times else None


def main() -> None:
    url, rate = sys.argv[1], float(sys.argv[2])
    digits = json.loads(pathlib.Path("/code/digits.json").read_text())
    bodies = [(json.dumps({"image": image}).encode(), label) for image, label in digits]
    kinds = {"new": Kind(url, bodies, keep=False), "kept": Kind(url, bodies, keep=True)}
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    start, number = time.monotonic(), 0
    while not stop.is_set():
        at = start + number / rate
        time.sleep(max(0.0, at - time.monotonic()))
        kinds["kept" if number % 2 else "new"].send(number, at)
        number += 1
    for kind in kinds.values():
        kind.end()
    sys.stdout.write(json.dumps({name: kind.summary() for name, kind in kinds.items()}))


if __name__ == "__main__":
    main()
