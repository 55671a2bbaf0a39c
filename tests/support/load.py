"""A small constant load beside a test: it counts every answer, and keeps those that aren't one."""

import threading
from collections import Counter
from typing import Any, Self

import httpx


class Load:
    """A few closed-loop clients on kept-alive connections until the block ends.

    Args:
        url: The api.
        body: JSON body of ``POST /predict``.
        clients: How many.
        options: More for each `httpx.Client`.
    """

    def __init__(self, url: str, body: dict[str, str], clients: int = 4, **options: Any) -> None:
        self._url, self._body, self._options = url, body, options
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self.answers: Counter[str] = Counter()  # by model version
        self.failures: list[str] = []

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, **self._options) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/predict", json=self._body)
                except httpx.HTTPError as error:
                    self._note(failure=repr(error))
                    continue
                if response.status_code == httpx.codes.OK:
                    self._note(version=response.json()["model_version"])
                else:
                    self._note(failure=f"{response.status_code} {response.text}")

    def _note(self, *, version: str | None = None, failure: str | None = None) -> None:
        with self._lock:
            if version is not None:
                self.answers[version] += 1
            if failure is not None:
                self.failures.append(failure)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
