"""Whether this worker should get requests: it isn't stopping, and the models really answer their canaries.

The outcome is kept for a moment, so that probes cause no load, and asked for anew all the time, so that it is known
before the next probe comes. There is never more than one round of canaries under way: while the server hangs, all
probes wait for the same one. Every replica of the server is asked; one that answers is enough.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from api.drain import Drain
from api.errors import ApiError, DeadlineExceeded, Draining, InternalError, Unavailable, UpstreamError
from api.inference.client import InferenceClient, InferenceRequest, InferenceResult
from api.inference.models import Models
from api.settings import Settings
from api.telemetry import metrics

_log = logging.getLogger(__name__)

# The shortest pause between two rounds, where the setting asks for none.
_MIN_PAUSE_S = 0.1


class Canary(NamedTuple):
    """A question whose answer is known.

    Attributes:
        request: The question.
        fault_of: Says what is wrong with an answer; None where nothing is.
    """

    request: InferenceRequest
    fault_of: Callable[[InferenceResult], str | None]

    def check(self, result: InferenceResult) -> None:
        """Check an answer.

        Raises:
            UpstreamError: It is wrong.
        """
        if fault := self.fault_of(result):
            raise UpstreamError(f"Model {self.request.model} answers its canary wrong: {fault}.")


# The version of each model that answered.
Versions = dict[str, str]


class Readiness:
    """Asks every model its canary, and keeps the outcome.

    Args:
        client: The client to ask through.
        models: Learns the models' metadata, so that the first request need not wait for them.
        canaries: The questions.
        settings: How long an outcome is kept, and how long the server has for an answer.
        drain: Whether the api is about to stop.
    """

    def __init__(
        self, client: InferenceClient, models: Models, canaries: Sequence[Canary], settings: Settings, drain: Drain
    ) -> None:
        self._client = client
        self._models = models
        self._canaries = canaries
        self._ttl_s = settings.ready_ttl_s
        self._deadline_s = settings.ready_deadline_s
        self._drain = drain
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -float("inf")
        self._outcome: Versions | ApiError = Unavailable("No canary has been sent yet; try again in a second.")

    async def check(self) -> Versions:
        """Return the version of each model that answers.

        Raises:
            Draining: The api is about to stop.
            ApiError: A model doesn't answer, or answers its canary wrong.
        """
        if self._drain.is_unready():
            raise Draining("The api is about to stop; send new requests elsewhere.")
        if time.monotonic() - self._asked_at > self._ttl_s:
            # Shielded: a probe that hangs up must not take the answer from the others.
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
            await asyncio.sleep(max(self._ttl_s, _MIN_PAUSE_S))

    def _ask_once(self) -> asyncio.Task[None]:
        """Return the round that is under way; a new one if there is none."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return self._asking

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):  # what is asked before the canaries included
                if not self._canaries:
                    await self._client.server()  # no model is known, so that its server has to answer
                answers = await asyncio.gather(*[self._answer(canary) for canary in self._canaries])
            outcome: Versions | ApiError = dict(answers)
        except TimeoutError:
            outcome = DeadlineExceeded(f"Triton didn't answer the canaries within {self._deadline_s:g} s.")
        except UpstreamError as error:
            outcome = error
        except Exception:  # noqa: BLE001 - a bug isn't ready either, and mustn't end the watch
            _log.exception("readiness")
            outcome = InternalError()
        self._keep(outcome)

    async def _answer(self, canary: Canary) -> tuple[str, str]:
        await self._models.metadata(canary.request.model, canary.request.version)
        result = await self._client.canary(canary.request, canary.check, deadline_s=self._deadline_s)
        return canary.request.model, result.model_version

    def _keep(self, outcome: Versions | ApiError) -> None:
        """Store an outcome, and log it where it differs from the last."""
        metrics.MODEL_READY.set(not isinstance(outcome, ApiError))
        if isinstance(outcome, ApiError) != isinstance(self._outcome, ApiError):
            extra = {"code": outcome.code} if isinstance(outcome, ApiError) else {"models": outcome}
            _log.log(logging.WARNING if "code" in extra else logging.INFO, "readiness changed", extra=extra)
        self._outcome = outcome
        self._asked_at = time.monotonic()
