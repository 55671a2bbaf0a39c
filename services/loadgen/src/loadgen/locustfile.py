"""Locust's entry: a user who sends digits at a steady rate and looks at every answer."""

import random
import ssl
from typing import Any

from locust import FastHttpUser, constant_throughput, task

from loadgen.answers import fault_of
from loadgen.samples import Sample, load_samples
from loadgen.settings import Settings

_settings = Settings()
_samples = load_samples()


def _tls_context(**_: object) -> ssl.SSLContext:
    """Return what an `https` target is checked by; its HTTP client would add the world's CAs to ours."""
    return ssl.create_default_context(cafile=_settings.ca_file)


class DigitUser(FastHttpUser):
    """Sends one image at a time: nine of ten as JSON, one as the bare file."""

    host = _settings.target
    wait_time = constant_throughput(_settings.rate)
    network_timeout = _settings.timeout_s
    connection_timeout = _settings.timeout_s
    default_headers = _settings.headers()
    insecure = _settings.ca_file is None
    ssl_context_factory = staticmethod(_tls_context) if _settings.ca_file else None

    @task(9)
    def predict_json(self) -> None:
        """``POST /predict`` with base64 in JSON."""
        sample = random.choice(_samples)  # noqa: S311 - no secret depends on it
        self._ask("/predict (JSON)", sample, sample.json_body, "application/json")

    @task(1)
    def predict_file(self) -> None:
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
