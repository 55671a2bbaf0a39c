"""Whether this worker should get requests: it isn't leaving, and the model really answers a canary.

The canary's outcome is kept for a moment, so that probes don't become load, and asked for anew all the time, so that
the truth is known before somebody wants it. There is never more than one canary under way: while Triton hangs,
everybody waits for the same one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

import numpy as np

from api.drain import Drain
from api.errors import ApiError, Draining, InternalError, Unavailable, UpstreamError
from api.inference.triton import Scores, Triton
from api.settings import Settings
from api.tasks.digits import image as digits
from api.telemetry import metrics

_log = logging.getLogger(__name__)

# A "1": a vertical stroke, four pixels wide. Every network that reads digits at all reads it.
_CANARY = np.zeros((1, 1, digits.SIDE_PX, digits.SIDE_PX), np.uint8)
_CANARY[..., 4:24, 12:16] = 255
_CANARY_DIGIT = 1
# Between two canaries of the watch, where the outcome isn't to be kept at all.
_LEAST_PAUSE_S = 0.1


class Readiness:
    """Asks the model, and says what came of it.

    Args:
        triton: The client to ask through.
        settings: How long an outcome is kept, and how long Triton has for an answer.
        drain: Whether the api is about to stop.
    """

    def __init__(self, triton: Triton, settings: Settings, drain: Drain) -> None:
        self._triton = triton
        self._ttl_s = settings.ready_ttl_s
        self._deadline_s = settings.ready_deadline_s
        self._drain = drain
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -float("inf")
        self._outcome: str | ApiError = Unavailable("Nobody has asked the model yet.")

    async def check(self) -> str:
        """Return the version that answers.

        Raises:
            Draining: The api is about to stop.
            ApiError: The model doesn't answer, or reads the canary wrong.
        """
        if self._drain.is_unready():
            raise Draining("The api is about to stop; send new requests elsewhere.")
        if time.monotonic() - self._asked_at > self._ttl_s:
            # Shielded: a prober that hangs up must not take the answer from the others.
            await asyncio.shield(self._ask_once())
        if isinstance(self._outcome, ApiError):
            # Without it the kept error's traceback would grow with every raise.
            raise self._outcome.with_traceback(None)
        return self._outcome

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep the outcome fresh while the block runs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        while True:
            await self._ask_once()
            await asyncio.sleep(max(self._ttl_s, _LEAST_PAUSE_S))

    def _ask_once(self) -> asyncio.Task[None]:
        """Return the canary that is under way; a new one if there is none."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return self._asking

    async def _ask(self) -> None:
        try:
            outcome: str | ApiError = await self._answer()
        except UpstreamError as error:
            outcome = error
        except Exception:  # noqa: BLE001 - a bug isn't ready either, and mustn't end the watch
            _log.exception("readiness")
            outcome = InternalError()
        self._keep(outcome)

    async def _answer(self) -> str:
        scores: Scores = await self._triton.infer(_CANARY, deadline_s=self._deadline_s)
        digit, _ = digits.answer(scores.values)[0]
        if digit != _CANARY_DIGIT:
            raise UpstreamError(f"The model reads the canary, a plain 1, as {digit}.")
        return scores.model_version

    def _keep(self, outcome: str | ApiError) -> None:
        """Take an outcome in; every one comes by here."""
        metrics.MODEL_READY.set(not isinstance(outcome, ApiError))
        if isinstance(outcome, ApiError) != isinstance(self._outcome, ApiError):
            extra = {"code": outcome.code} if isinstance(outcome, ApiError) else {"model_version": outcome}
            _log.log(logging.WARNING if "code" in extra else logging.INFO, "readiness changed", extra=extra)
        self._outcome = outcome
        self._asked_at = time.monotonic()
