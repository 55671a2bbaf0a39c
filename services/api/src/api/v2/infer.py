"""``POST /v2/models/{model}/infer``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request, Response

from api import compression
from api.inference.lanes import Answer
from api.offload import offload
from api.request_body import read_body
from api.telemetry.request_context import context_of
from api.v2 import answers, requests
from api.v2.binary_tensors import HEADER, json_length
from api.v2.names import model_of

if TYPE_CHECKING:
    from api.inference.batcher import MicroBatcher

# JSON of more bytes than this is read and written beside the event loop, where it could delay other requests.
_INLINE_BYTES = 64 * 1024
_Result = TypeVar("_Result")


async def infer(request: Request) -> Response:
    """Answer a request to a model."""
    batcher: MicroBatcher = request.app.state.batcher
    model, version = model_of(request)
    metadata = await batcher.metadata(model, version)
    header = request.headers.get(HEADER)
    body = await read_body(request)
    json_bytes = json_length(len(body), header)
    context = context_of(request.scope)
    with context.decoding():
        asked = await _run(lambda: requests.read(body, header, metadata, version), json_bytes)
    answer = await batcher.submit(asked.inference, context)
    return await _respond(request, asked, answer)


async def _respond(request: Request, asked: requests.ProtocolRequest, answer: Answer) -> Response:
    outputs = answer.values.outputs
    json_bytes = sum(values.nbytes for name, values in outputs.items() if not asked.is_binary(name))
    body, json_length = await _run(lambda: answers.write(asked, answer), json_bytes)
    headers = {} if json_length is None else {HEADER: str(json_length)}
    if compression.is_worth_packing(len(body)):
        headers["vary"] = "accept-encoding"
        coding = compression.coding_for(request)
        if coding is not None:
            body = await compression.packed(body, coding)
            headers["content-encoding"] = coding
    media_type = "application/json" if json_length is None else "application/octet-stream"
    return Response(body, media_type=media_type, headers=headers)


async def _run(work: Callable[[], _Result], json_bytes: int) -> _Result:
    return await offload(work) if json_bytes > _INLINE_BYTES else work()
