"""What is known of the models: their metadata, asked for once and again when it may have changed."""

import asyncio
import math
import time

from api.inference.client import InferenceClient, ModelMetadata

# A model that is published anew may take other batches: what is known of it is asked for again after so long.
_TTL_S = 5.0


class Models:
    """Caches metadata by model and version; lives in one event loop.

    Only what the server knows is kept, so that unknown names can't fill the memory.

    Args:
        client: Where to ask.
    """

    def __init__(self, client: InferenceClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str], tuple[float, ModelMetadata]] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[ModelMetadata]] = {}

    def known(self, model: str, version: str = "") -> ModelMetadata | None:
        """Return the metadata if it is at hand; while it is out of date, it is asked for in the background."""
        found = self._known.get((model, version))
        if found is None:
            return None
        asked_at, metadata = found
        if time.monotonic() - asked_at > _TTL_S:
            self._ask_once(model, version)
        return metadata

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return the metadata, asked for if it isn't at hand. Concurrent callers share one call.

        Raises:
            UpstreamError: As `InferenceClient.metadata`.
        """
        # Shielded: a caller that gives up must not take the answer from the others.
        known = self.known(model, version)
        return await asyncio.shield(self._ask_once(model, version)) if known is None else known

    def expire(self, model: str) -> None:
        """Have a model's metadata asked for again in the background of its next request: it may have changed."""
        for key, (_, metadata) in self._known.items():
            if key[0] == model:
                self._known[key] = (-math.inf, metadata)

    def _ask_once(self, model: str, version: str) -> asyncio.Task[ModelMetadata]:
        key = (model, version)
        if key not in self._asking:
            task = self._asking[key] = asyncio.create_task(self._ask(model, version))
            task.add_done_callback(lambda done: self._finish(key, done))
        return self._asking[key]

    async def _ask(self, model: str, version: str) -> ModelMetadata:
        metadata = await self._client.metadata(model, version)
        self._known[model, version] = (time.monotonic(), metadata)
        return metadata

    def _finish(self, key: tuple[str, str], task: asyncio.Task[ModelMetadata]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # reaches the callers; in the background there are none, and the former metadata stay
