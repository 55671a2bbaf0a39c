"""Whether the model really answers: a canary inference, kept for a moment so that probes don't become load."""

import asyncio
import time

import numpy as np

from api import digits
from api.errors import UpstreamError
from api.settings import Settings
from api.triton import Scores, Triton

# A "1": a vertical stroke, four pixels wide. Every network that reads digits at all reads it.
_CANARY = np.zeros((1, 1, digits.SIDE_PX, digits.SIDE_PX), np.uint8)
_CANARY[..., 4:24, 12:16] = 255
_CANARY_DIGIT = 1


class Readiness:
    """Asks the model, at most once every ``ready_ttl_s``.

    Args:
        triton: The client to ask through.
        settings: How long an answer is kept, and how long Triton has for it.
    """

    def __init__(self, triton: Triton, settings: Settings) -> None:
        self._triton = triton
        self._ttl_s = settings.ready_ttl_s
        self._deadline_s = settings.ready_deadline_s
        self._lock = asyncio.Lock()
        self._asked_at = -float("inf")
        self._outcome: str | UpstreamError = UpstreamError("Nobody has asked the model yet.")

    async def check(self) -> str:
        """Return the version that answers.

        Raises:
            UpstreamError: The model doesn't answer, or reads the canary wrong.
        """
        async with self._lock:
            if time.monotonic() - self._asked_at > self._ttl_s:
                self._outcome = await self._ask()
                self._asked_at = time.monotonic()
        if isinstance(self._outcome, UpstreamError):
            # A fresh one: raising the kept one again and again would grow its traceback.
            raise type(self._outcome)(self._outcome.message, retry_after_s=self._outcome.retry_after_s)
        return self._outcome

    async def _ask(self) -> str | UpstreamError:
        try:
            scores: Scores = await self._triton.infer(_CANARY, deadline_s=self._deadline_s)
            digit, _ = digits.answer(scores.values)[0]
        except UpstreamError as error:
            return error
        if digit != _CANARY_DIGIT:
            return UpstreamError(f"The model reads the canary, a plain 1, as {digit}.")
        return scores.model_version
