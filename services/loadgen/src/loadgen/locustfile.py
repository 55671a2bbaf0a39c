"""Locust's entry: users who send digits at a steady rate and look at every answer."""

import random
import ssl
import time
from typing import Any

import gevent
from locust import FastHttpUser, task

from loadgen.answers import fault_of
from loadgen.samples import Sample, load_samples
from loadgen.settings import Settings

_settings = Settings()
_samples = load_samples()


def _tls_context(**_: object) -> ssl.SSLContext:
    """Return what an `https` target is checked by; its HTTP client would add the world's CAs to ours."""
    return ssl.create_default_context(cafile=_settings.ca_file)


class Asking(FastHttpUser):
    """Who knows how to ask: nine of ten times with JSON, once with the bare file."""

    abstract = True
    host = _settings.target
    network_timeout = _settings.timeout_s
    connection_timeout = _settings.timeout_s
    default_headers = _settings.headers()
    insecure = _settings.ca_file is None
    ssl_context_factory = staticmethod(_tls_context) if _settings.ca_file else None

    def ask_by_json(self) -> None:
        """``POST /predict`` with base64 in JSON."""
        sample = random.choice(_samples)  # noqa: S311 - no secret depends on it
        self._ask("/predict (JSON)", sample, sample.json_body, "application/json")

    def ask_by_file(self) -> None:
        """``POST /predict`` with the file as the body."""
        sample = random.choice(_samples)  # noqa: S311 - no secret depends on it
        self._ask("/predict (file)", sample, sample.png, "image/png")

    def _ask(self, name: str, sample: Sample, body: bytes, media_type: str) -> None:
        headers = {"content-type": media_type}
        # Locust's hint says str; what it hands to geventhttpclient may be bytes, and an image has to be.
        data: Any = body
        with self.client.post("/predict", data=data, headers=headers, name=name, catch_response=True) as response:
            fault = fault_of(
                response.status_code, response.content or b"", sample.label, check_label=_settings.check_labels
            )
            if fault is None:
                response.success()
            else:
                response.failure(fault if response.status_code else f"{fault}: {type(response.error).__name__}")


class DigitUser(Asking):
    """Sends one image at a time, and the next one when that is answered."""

    abstract = _settings.open_loop

    def on_start(self) -> None:
        """Begin at a moment of one's own.

        Users are started by the dozen, and would ask in chorus for ever after: Locust's `constant_throughput` counts
        from when each was made, whatever is waited for here.
        """
        gevent.sleep(random.uniform(0, 1 / _settings.rate))  # noqa: S311 - no secret depends on it
        self._due = time.monotonic()

    def wait_time(self) -> float:
        """Return the seconds until the next request is due; none where the last answer took that long."""
        now = time.monotonic()
        self._due = max(self._due + 1 / _settings.rate, now)
        return self._due - now

    @task(9)
    def predict_json(self) -> None:
        """Ask with JSON."""
        self.ask_by_json()

    @task(1)
    def predict_file(self) -> None:
        """Ask with the file."""
        self.ask_by_file()


class Crowd(Asking):
    """Stands for everybody who comes by, each for one request: nobody waits for anybody else's answer."""

    abstract = not _settings.open_loop
    concurrency = 20_000

    def on_start(self) -> None:
        """Begin the timetable."""
        self._due = time.monotonic()

    @task
    def arrive(self) -> None:
        """Wait for the next one's time, and let him ask."""
        self._due += random.expovariate(_settings.rate)
        gevent.sleep(max(0.0, self._due - time.monotonic()))
        ask = self.ask_by_file if random.random() < 0.1 else self.ask_by_json  # noqa: PLR2004, S311 - as above
        gevent.spawn(ask)
