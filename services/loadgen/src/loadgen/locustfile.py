"""Locust's entry point: users that send digits at a steady rate and check every answer."""

import random
import ssl
import time
from typing import Any

import gevent
from locust import FastHttpUser, task

from loadgen.answers import find_fault
from loadgen.samples import Sample, load_samples
from loadgen.settings import Settings

_settings = Settings()
_samples = load_samples()

_FILE_SHARE = 0.1  # of the requests; the others are JSON


def _tls_context(**_: object) -> ssl.SSLContext:
    """Return a context that trusts ``LOADGEN_CA_FILE`` alone; geventhttpclient's own adds the system's CAs."""
    return ssl.create_default_context(cafile=_settings.ca_file)


class DigitClient(FastHttpUser):
    """Sends digits to ``POST /predict``, as JSON or as the bare file, and checks the answers."""

    abstract = True
    host = _settings.target
    network_timeout = _settings.timeout_s
    connection_timeout = _settings.timeout_s
    default_headers = _settings.headers()
    insecure = _settings.ca_file is None
    ssl_context_factory = staticmethod(_tls_context) if _settings.ca_file else None

    def send_json(self) -> None:
        """``POST /predict`` with base64 in JSON."""
        sample = random.choice(_samples)  # noqa: S311 - no secret depends on it
        self._send("/predict (JSON)", sample, sample.json_body, "application/json")

    def send_file(self) -> None:
        """``POST /predict`` with the file as the body."""
        sample = random.choice(_samples)  # noqa: S311 - no secret depends on it
        self._send("/predict (file)", sample, sample.png, "image/png")

    def _send(self, name: str, sample: Sample, body: bytes, media_type: str) -> None:
        headers = {"content-type": media_type}
        # Locust types `data` as str, but passes bytes on to geventhttpclient unchanged; an image has to be bytes.
        data: Any = body
        with self.client.post("/predict", data=data, headers=headers, name=name, catch_response=True) as response:
            fault = find_fault(
                response.status_code, response.content or b"", sample.label, check_label=_settings.check_labels
            )
            if fault is None:
                response.success()
            else:
                response.failure(fault if response.status_code else f"{fault}: {type(response.error).__name__}")


class DigitUser(DigitClient):
    """A closed loop: sends the next image once the last one is answered, at most ``LOADGEN_RATE`` a second."""

    abstract = _settings.open_loop

    def on_start(self) -> None:
        """Start after a random part of the period.

        Locust starts users in groups, which would send at the same moments ever after: its `constant_throughput`
        counts from the user's creation, whatever this method waits for.
        """
        gevent.sleep(random.uniform(0, 1 / _settings.rate))  # noqa: S311 - no secret depends on it
        self._due = time.monotonic()

    def wait_time(self) -> float:
        """Return the seconds until the next request is due; 0 where the last answer took longer than the period."""
        now = time.monotonic()
        self._due = max(self._due + 1 / _settings.rate, now)
        return self._due - now

    @task(9)
    def predict_json(self) -> None:
        """Send JSON."""
        self.send_json()

    @task(1)
    def predict_file(self) -> None:
        """Send the file."""
        self.send_file()


class OpenLoopUser(DigitClient):
    """An open loop: sends at Poisson times of ``LOADGEN_RATE``, whether or not earlier requests were answered."""

    abstract = not _settings.open_loop
    concurrency = 20_000

    def on_start(self) -> None:
        """Start the schedule."""
        self._due = time.monotonic()

    @task
    def arrive(self) -> None:
        """Wait for the next arrival and send its request in a greenlet of its own."""
        self._due += random.expovariate(_settings.rate)
        gevent.sleep(max(0.0, self._due - time.monotonic()))
        send = self.send_file if random.random() < _FILE_SHARE else self.send_json  # noqa: S311 - no secret
        gevent.spawn(send)
