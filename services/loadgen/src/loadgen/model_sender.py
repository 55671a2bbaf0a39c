"""Sends random tensors to ``POST /v2/models/{model}/infer`` of any model, and checks the form of the answers."""

import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from gevent.lock import Semaphore
from locust.contrib.fasthttp import FastHttpSession

from loadgen.model_answers import find_fault, message_of
from loadgen.model_requests import LENGTH_HEADER, ModelRequest, make_requests
from loadgen.model_signature import Signature, signature_of
from loadgen.retry import post
from loadgen.settings import Settings

_RETRY_S = 1.0
_OK = 200


class ModelSender:
    """Sends to one model, whose metadata it reads before the first request of the process.

    Args:
        model: The model's name.
        settings: Sizes and form of the tensors.
    """

    def __init__(self, model: str, settings: Settings) -> None:
        self._path = f"/v2/models/{quote(model, safe='')}"
        self._settings = settings
        self._name = f"/v2/models/{model}/infer ({'JSON' if settings.json_tensors else 'binary'})"
        self._signature: Signature | None = None
        self._requests: list[ModelRequest] = []
        self._reading = Semaphore()
        self._read_again_at = 0.0

    def send(self, session: FastHttpSession) -> None:
        """Send one request; where the metadata can't be read, that is the failure, once a second."""
        if self._signature is None:
            with self._reading:
                self._prepare(session)
        if self._signature is None:
            return
        request = random.choice(self._requests)  # noqa: S311 - no secret depends on it
        # Locust types `data` as str, but passes bytes on to geventhttpclient unchanged.
        data: Any = request.body
        path, headers, retry = f"{self._path}/infer", dict(request.headers), self._settings.retry
        with post(session, path, retry=retry, data=data, headers=headers, name=self._name) as response:
            length = (response.headers or {}).get(LENGTH_HEADER)
            fault = find_fault(response.status_code, response.content or b"", length, self._signature)
            if fault is None:
                response.success()
            else:
                response.failure(fault if response.status_code else f"{fault}: {type(response.error).__name__}")

    def _prepare(self, session: FastHttpSession) -> None:
        if self._signature is not None or time.monotonic() < self._read_again_at:
            return
        self._read_again_at = time.monotonic() + _RETRY_S

        def with_metadata(metadata: dict[str, Any]) -> None:
            _get(session, f"{self._path}/config", lambda config: self._make(metadata, config))

        _get(session, self._path, with_metadata)

    def _make(self, metadata: dict[str, Any], config: dict[str, Any]) -> None:
        signature = signature_of(metadata, config)
        max_dim, max_int, as_json = self._settings.max_dim, self._settings.max_int, self._settings.json_tensors
        self._requests = make_requests(signature, max_dim=max_dim, max_int=max_int, as_json=as_json)
        self._signature = signature


def _get(session: FastHttpSession, path: str, use: Callable[[dict[str, Any]], None]) -> None:
    """Pass the JSON object at a path on; a `ValueError` of ``use`` is a failure of the request, as any other."""
    with session.get(path, catch_response=True) as response:
        if not response.status_code:
            response.failure(f"no answer: {type(response.error).__name__}")
        elif response.status_code != _OK:
            response.failure(f"status {response.status_code}: {message_of(response.content or b'')}")
        else:
            try:
                use(json.loads(response.content or b""))
                response.success()
            except ValueError as exc:
                response.failure(str(exc))
