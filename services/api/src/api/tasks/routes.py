"""A task's routes: ``POST {path}`` for one input, ``POST {path}/batch`` for several."""

import asyncio
import inspect
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api import failures
from api.direct_route import DirectRoute
from api.errors import ApiError, InvalidRequest
from api.inference import tensors
from api.inference.batcher import MicroBatcher
from api.inference.client import InferenceRequest
from api.inference.lanes import Answer
from api.inference.tensors import Tensors
from api.offload import offload
from api.request_body import read_body
from api.tasks import uploads
from api.tasks.base import Task
from api.tasks.json_task import JsonTask
from api.tasks.schemas import Schemas, describe_answer, describe_request, offered_of, schemas_of
from api.telemetry.request_context import RequestContext, context_of


def router_of(task: Task) -> APIRouter:
    """Return a task's routes."""
    schemas, name = schemas_of(task), task.path.strip("/").replace("/", "_").replace("-", "_")
    errors = failures.describe(
        task.settings, *failures.OF_INFERENCE, task.Invalid, *task.further_errors, accepted=_accepted(task)
    )
    summary = inspect.getdoc(type(task)) or task.name
    router = APIRouter(tags=[task.name], route_class=DirectRoute)
    router.add_api_route(
        task.path,
        partial(_answer_one, task, schemas),
        methods=["POST"],
        name=name,
        summary=summary.partition("\n")[0],
        description=_how_to_send(task),
        responses={200: describe_answer(task, schemas.answer, several=False), **errors},
        openapi_extra=describe_request(task, schemas.request, several=False),
    )
    router.add_api_route(
        f"{task.path}/batch",
        partial(_answer_several, task, schemas),
        methods=["POST"],
        name=f"{name}_batch",
        summary=f"{summary.partition(chr(10))[0].rstrip('.')}, for several at once.",
        description=f"{_how_to_send_several(task)} One {task.noun} that can't be read refuses the whole batch.",
        responses={200: describe_answer(task, schemas.batch_answer, several=True), **errors},
        openapi_extra=describe_request(task, schemas.batch_request, several=True),
    )
    return router


def _how_to_send(task: Task) -> str:
    if isinstance(task, JsonTask):
        return f"Send the {task.noun} as JSON."
    return f"Send JSON with the {task.noun} in base64, the {task.noun} itself as the body, or a form with one file."


def _how_to_send_several(task: Task) -> str:
    if isinstance(task, JsonTask):
        return f"Send JSON with a list of {task.noun}s."
    return f"Send JSON with the {task.noun}s in base64, or a form with a file for each."


async def _answer_one(task: Task, schemas: Schemas, request: Request) -> Response:
    included = _included(task, request)
    data = await _one_input(task, schemas, request)
    context = context_of(request.scope)
    with context.decoding():
        inputs = await task.prepare(data)
    batcher: MicroBatcher = request.scope["app"].state.batcher
    answer = (await ask(task, batcher, context, inputs))[0]
    task.complete(inputs, answer)
    if included:
        await _include(task, data, inputs, answer, included)
    return _Json(answer)


async def _answer_several(task: Task, schemas: Schemas, request: Request) -> Response:
    data = await _several_inputs(task, schemas, request)
    context = context_of(request.scope)
    with context.decoding():
        inputs = [await _numbered(task, i, each) for i, each in enumerate(data)]
    batcher: MicroBatcher = request.scope["app"].state.batcher
    answers = await _ask_all(task, batcher, context, inputs)
    if len(answers) == len(inputs):  # an input may have several rows
        for each, answer in zip(inputs, answers, strict=True):
            task.complete(each, answer)
    return _Json({"predictions": answers})


async def _include(task: Task, data: bytes, inputs: Tensors, answer: dict[str, Any], included: Sequence[str]) -> None:
    """Add to an answer what the request has asked for beside it."""
    if "input" in included:
        answer["input"] = task.show_input(inputs)
    if "steps" in included:
        steps = await offload(lambda: task.show_steps(data))
        answer["steps"] = [{"name": step.name, "image": step.image} for step in steps or ()]


async def ask(task: Task, batcher: MicroBatcher, context: RequestContext, inputs: Tensors) -> list[dict[str, Any]]:
    """Return the JSON of the answers to a task's inputs, one a row.

    Raises:
        ApiError: As `MicroBatcher.submit`.
    """
    request = InferenceRequest(task.model, inputs, task.version, task.outputs)
    return _answers_of(await batcher.submit(request, context, task.decode))


async def _ask_all(
    task: Task, batcher: MicroBatcher, context: RequestContext, inputs: Sequence[Tensors]
) -> list[dict[str, Any]]:
    """Ask about several inputs: in one request where their rows are alike, else in one each."""
    is_batched = (await batcher.metadata(task.model, task.version)).max_batch_size > 0
    if is_batched and len({tensors.signature_of(each) for each in inputs}) == 1:
        return await ask(task, batcher, context, tensors.concatenate(list(inputs)))
    asked = [asyncio.create_task(ask(task, batcher, context, each)) for each in inputs]
    try:
        answers = await asyncio.gather(*asked)
    finally:  # where one has failed, the others leave the queue
        for each in asked:
            each.cancel()
    return [answer for several in answers for answer in several]


def _answers_of(answer: Answer) -> list[dict[str, Any]]:
    return [
        {**(value.model_dump() if isinstance(value, BaseModel) else value), "model_version": answer.model_version}
        for value in answer.values
    ]


def _included(task: Task, request: Request) -> Sequence[str]:
    # Read by hand: declared to the framework, this parameter would cost every request, and few have it.
    if not request.scope["query_string"] or not (offered := offered_of(task)):
        return ()
    asked = request.query_params.getlist("include")
    if set(asked) - set(offered):
        known = " and ".join(f"'{each}'" for each in offered)
        raise InvalidRequest(f"include: what can be asked for is {known}, as in ?include={offered[0]}.")
    return asked


async def _one_input(task: Task, schemas: Schemas, request: Request) -> Any:  # noqa: ANN401 - bytes or its `Input`
    media_type = uploads.media_type_of(request)
    if uploads.is_json(media_type):
        if isinstance(task, JsonTask):
            return await uploads.json_body(request, schemas.request)
        body = await uploads.json_body(request, schemas.request, _hint(task, several=False))
        return _from_base64(task, getattr(body, task.noun))
    if media_type == "multipart/form-data" and not isinstance(task, JsonTask):
        return (await uploads.multipart_files(request, task.noun, 1))[0]
    if any(media_type == each or (each.endswith("/*") and media_type.startswith(each[:-1])) for each in task.accepts):
        return bytes(await read_body(request))
    raise uploads.wrong_media(media_type, _accepted(task))


async def _several_inputs(task: Task, schemas: Schemas, request: Request) -> list[Any]:
    media_type, limit = uploads.media_type_of(request), task.settings.max_batch_images
    is_object = isinstance(task, JsonTask)
    if uploads.is_json(media_type):
        hint = "" if is_object else _hint(task, several=True)
        texts = getattr(await uploads.json_body(request, schemas.batch_request, hint), f"{task.noun}s")
        if len(texts) > limit:
            raise uploads.too_many(task.noun, limit)
        return texts if is_object else [_from_base64(task, text) for text in texts]
    if media_type == "multipart/form-data" and not is_object:
        return await uploads.multipart_files(request, task.noun, limit)
    raise uploads.wrong_media(
        media_type, "application/json" if is_object else "application/json or multipart/form-data"
    )


@cache  # few requests need it, and making it would cost every one a microsecond
def _hint(task: Task, *, several: bool) -> str:
    """Return what to send instead of numbers, or of another server's body."""
    how = (
        f'the {task.noun} files in base64, {{"{task.noun}s": ["…"]}}'
        if several
        else f'the {task.noun} file in base64, {{"{task.noun}": "…"}}'
    )
    return f"Send {how}; tensors go to POST /v2/models/{task.model}/infer."


def _accepted(task: Task) -> str:
    if isinstance(task, JsonTask):
        return "application/json"
    return f"application/json, {', '.join(task.accepts)} or multipart/form-data"


def _from_base64(task: Task, text: str) -> bytes:
    try:
        return uploads.from_base64(text)
    except ValueError as exc:
        raise task.Invalid(f"The {task.noun} isn't valid base64.") from exc


async def _numbered(task: Task, index: int, data: Any) -> Tensors:  # noqa: ANN401 - bytes or its `Input`
    """Prepare the input at ``index``, and let its error say which one it was."""
    try:
        return await task.prepare(data)
    except ApiError as error:
        error.message = f"{task.noun}s[{index}]: {error.message}"
        raise


class _Json(Response):
    """An answer that is written directly.

    Validating the api's own answer against the schema again would cost more than decoding an image, and so would the
    framework's way to its two headers.
    """

    def __init__(self, content: Any) -> None:  # noqa: ANN401 - whatever orjson can write
        self.status_code, self.background = 200, None
        self.body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        length = str(len(self.body)).encode()
        self.raw_headers = [(b"content-length", length), (b"content-type", b"application/json")]
