"""What a job asks: a task's question about each item, or the request of the Open Inference Protocol in each line."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from api.errors import (
    ApiError,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    ModelNotReady,
    Overloaded,
    Unavailable,
    sentence_of,
)
from api.inference import tensors
from api.inference.batcher import MicroBatcher
from api.inference.tensors import Tensors
from api.jobs.items import Item
from api.tasks.base import Task
from api.tasks.json_task import JsonTask
from api.tasks.routes import ask
from api.telemetry.request_context import RequestContext
from api.v2 import answers, requests

_log = logging.getLogger(__name__)
# Triton or the model is away, or too busy: the whole chunk is tried again later.
TRY_AGAIN = (Unavailable, ModelNotReady, DeadlineExceeded, Overloaded)
PROTOCOL = "v2/"

# An answer in JSON, or the error.
Outcome = Any


class Kind(Protocol):
    """Answers items."""

    async def answer(self, items: Sequence[Item], context: RequestContext) -> list[Outcome]:
        """Return an answer, or an `ApiError`, for each item.

        Raises:
            Unavailable, ModelNotReady, DeadlineExceeded, Overloaded: Trying again later may succeed.
        """


class OfTask:
    """A task's question about each item.

    Args:
        task: The task.
        batcher: Asks the model.
    """

    def __init__(self, task: Task, batcher: MicroBatcher) -> None:
        self._task = task
        self._batcher = batcher

    async def answer(self, items: Sequence[Item], context: RequestContext) -> list[Outcome]:
        """As `Kind.answer`."""
        outcomes: list[Outcome] = [None] * len(items)
        groups: dict[Any, list[tuple[int, Tensors]]] = {}
        is_batched = (await self._batcher.metadata(self._task.model, self._task.version)).max_batch_size > 0
        with context.decoding():
            for index, item in enumerate(items):
                try:
                    inputs = await self._prepare(item.data)
                except Exception as error:  # noqa: BLE001 - an item that hits a bug fails, and the others don't
                    outcomes[index] = _outcome_of(error)
                else:
                    key = tensors.signature_of(inputs) if is_batched else index
                    groups.setdefault(key, []).append((index, inputs))
        for group in groups.values():
            await self._answer_group(group, outcomes, context)
        return outcomes

    async def _prepare(self, data: bytes) -> Tensors:
        if not isinstance(self._task, JsonTask):
            return await self._task.prepare(data)
        try:
            return await self._task.prepare(self._task.Input.model_validate_json(data))
        except ValidationError as exc:
            raise InvalidInput(sentence_of(exc.errors(include_input=False, include_url=False))) from exc

    async def _answer_group(
        self, group: list[tuple[int, Tensors]], outcomes: list[Outcome], context: RequestContext
    ) -> None:
        """Ask about all in one call; where that fails for what is in it, about each by itself."""
        try:
            inputs = tensors.concatenate([each for _, each in group])
            found = await ask(self._task, self._batcher, context, inputs)
            for (index, _), answer in zip(group, found, strict=True):
                outcomes[index] = answer
        except TRY_AGAIN:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            if len(group) == 1:
                outcomes[group[0][0]] = _outcome_of(error)
                return
            for each in group:
                await self._answer_group([each], outcomes, context)


class OfProtocol:
    """The request of the Open Inference Protocol in each line.

    Args:
        model: The model's name.
        batcher: Asks it.
    """

    def __init__(self, model: str, batcher: MicroBatcher) -> None:
        self._model = model
        self._batcher = batcher

    async def answer(self, items: Sequence[Item], context: RequestContext) -> list[Outcome]:
        """As `Kind.answer`."""
        asked = [asyncio.create_task(self._answer_one(item, context)) for item in items]
        try:
            return await asyncio.gather(*asked)
        finally:
            for each in asked:
                each.cancel()

    async def _answer_one(self, item: Item, context: RequestContext) -> Outcome:
        try:
            metadata = await self._batcher.metadata(self._model)
            read = requests.read(item.data, None, metadata, "")._replace(binary={}, binary_default=False)
            # A context of its own: it takes down one call.
            own = RequestContext(context.request_id, time.perf_counter(), context.trace_id, span=context.span)
            body, _ = answers.write(read, await self._batcher.submit(read.inference, own))
            return orjson.Fragment(body)
        except TRY_AGAIN:
            raise
        except Exception as error:  # noqa: BLE001 - an item that hits a bug fails, and the others don't
            return _outcome_of(error)


def kind_of(name: str, tasks: Mapping[str, Task], batcher: MicroBatcher) -> Kind:
    """Return what a job asks.

    Raises:
        InvalidInput: This worker has no task of the name.
    """
    if name.startswith(PROTOCOL):
        return OfProtocol(name.removeprefix(PROTOCOL), batcher)
    if name not in tasks:
        raise InvalidInput(f"The worker serves no task {name}; give it the api's API_TASKS.")
    return OfTask(tasks[name], batcher)


def _outcome_of(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    _log.error("bug in a job's item", exc_info=error)
    return InternalError()
