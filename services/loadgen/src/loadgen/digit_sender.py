"""Sends digits to ``POST /predict``, as JSON or as the bare file, and checks the answers."""

import random
from typing import Any

from locust.contrib.fasthttp import FastHttpSession

from loadgen.answers import find_fault
from loadgen.retry import post
from loadgen.samples import load_samples

_FILE_SHARE = 0.1  # of the requests; the others are JSON


class DigitSender:
    """Sends MNIST's test images.

    Args:
        check_labels: Whether a wrong digit is a failure.
        retry: Most times that a request is sent again after a lost connection.
    """

    def __init__(self, *, check_labels: bool, retry: int = 0) -> None:
        self._samples = load_samples()
        self._check_labels = check_labels
        self._retry = retry

    def send(self, session: FastHttpSession) -> None:
        """Send one image, and check the digit that is read."""
        sample = random.choice(self._samples)  # noqa: S311 - no secret depends on it
        as_file = random.random() < _FILE_SHARE  # noqa: S311 - no secret depends on it
        kind, media_type = ("file", "image/png") if as_file else ("JSON", "application/json")
        # Locust types `data` as str, but passes bytes on to geventhttpclient unchanged; an image has to be bytes.
        data: Any = sample.png if as_file else sample.json_body
        headers, name = {"content-type": media_type}, f"/predict ({kind})"
        with post(session, "/predict", retry=self._retry, data=data, headers=headers, name=name) as response:
            fault = find_fault(
                response.status_code, response.content or b"", sample.label, check_label=self._check_labels
            )
            if fault is None:
                response.success()
            else:
                response.failure(fault if response.status_code else f"{fault}: {type(response.error).__name__}")
