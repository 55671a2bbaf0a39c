"""Sends digits as jobs to ``POST /jobs/digits``: submits one, polls it, reads and checks its results, deletes it."""

import json
import random
import time
import uuid
from typing import Any

import gevent
from locust.contrib.fasthttp import FastHttpSession

from loadgen.answers import code_of
from loadgen.job_answers import find_fault
from loadgen.retry import post
from loadgen.samples import load_samples
from loadgen.settings import Settings

# Locust counts requests by type and name; of this type there is one a job, from its request to its results.
TYPE = "JOB"
_PATH = "/jobs/digits"
_POLL_S = 0.2
_OK, _ACCEPTED, _NO_CONTENT = 200, 202, 204


class _FailedError(Exception):
    """A job failed; the message says why."""


class JobSender:
    """Sends jobs of MNIST's test images.

    Args:
        settings: Images of a job, and how long it may take.
    """

    def __init__(self, settings: Settings) -> None:
        self._samples = load_samples()
        self._settings = settings
        self._name = f"{_PATH} ({settings.job_items} items)"

    def send(self, session: FastHttpSession) -> None:
        """Send one job, and wait for its end."""
        start, fault = time.perf_counter(), None
        try:
            self._run(session)
        except _FailedError as exc:
            fault = exc
        took_ms = (time.perf_counter() - start) * 1000
        session.request_event.fire(
            request_type=TYPE, name=self._name, response_time=took_ms, response_length=0, exception=fault, context={}
        )

    def _run(self, session: FastHttpSession) -> None:
        samples = random.choices(self._samples, k=self._settings.job_items)  # noqa: S311 - no secret depends on it
        # Locust types `data` as str, but passes bytes on to geventhttpclient unchanged.
        data: Any = b"\n".join(sample.json_body for sample in samples)
        # The same job, where it has to be sent again.
        headers = {"content-type": "application/x-ndjson", "idempotency-key": uuid.uuid4().hex}
        answer = post(session, _PATH, retry=self._settings.retry, data=data, headers=headers, name=_PATH)
        job = json.loads(_checked(answer, _ACCEPTED))
        path, until = f"/jobs/{job['id']}", time.monotonic() + self._settings.job_timeout_s
        while job["state"] in ("queued", "running"):
            if time.monotonic() > until:
                raise _FailedError(f"not done within {self._settings.job_timeout_s:g} s")
            gevent.sleep(_POLL_S)
            job = json.loads(_checked(session.get(path, catch_response=True, name="/jobs/{id}"), _OK))
        results = session.get(f"{path}/results", catch_response=True, name="/jobs/{id}/results")
        labels = [sample.label for sample in samples]
        fault = find_fault(_checked(results, _OK), labels, check_labels=self._settings.check_labels)
        # Its results would fill Redis.
        _checked(session.delete(path, catch_response=True, name="/jobs/{id}"), _NO_CONTENT)
        if fault is not None:
            raise _FailedError(fault)


def _checked(answer: Any, status: int) -> bytes:  # noqa: ANN401 - Locust's types
    """Count a request as a success or a failure, and return its body.

    Raises:
        _FailedError: It has another status.
    """
    with answer as response:
        body: bytes = response.content or b""
        if response.status_code == status:
            response.success()
            return body
        if response.status_code:
            fault = f"status {response.status_code}: {code_of(body)}"
        else:
            fault = f"no answer: {type(response.error).__name__}"
        response.failure(fault)
    raise _FailedError(fault)
