"""``POST /predict`` and ``POST /predict/batch``: images in, digits out."""

from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from api.errors import ApiError, InvalidRequest
from api.inference.batcher import Answer
from api.routes.dependencies import CoalescerDep, SettingsDep
from api.routes.failures import PREDICT_FAILURES
from api.schemas import BatchPrediction, BatchRequest, PredictRequest, SinglePrediction
from api.settings import Settings
from api.tasks import uploads
from api.tasks.digits import image as digits
from api.tasks.digits.examples import BATCH, BATCH_ANSWER, PREDICT, PREDICT_ANSWER, json_of
from api.tasks.digits.pixels import pixels_of_file
from api.tasks.direct import DirectRoute
from api.telemetry.request_context import context_of

router = APIRouter(tags=["predict"], route_class=DirectRoute)

_INCLUDE = {
    "parameters": [
        {
            "name": "include",
            "in": "query",
            "schema": {"type": "string", "enum": ["input"]},
            "description": "`input` adds the 28×28 image that the model was given.",
        }
    ]
}


@router.post(
    "/predict",
    summary="Read one digit",
    responses={200: {"model": SinglePrediction, "content": json_of(PREDICT_ANSWER)}, **PREDICT_FAILURES},
    openapi_extra=uploads.describe(PredictRequest, PREDICT, raw=True) | _INCLUDE,
)
async def predict(request: Request, settings: SettingsDep, batcher: CoalescerDep) -> Response:
    """Send JSON with the image in base64, the image file itself as the body, or a form with one file."""
    with_input = _wants_input(request)
    data = await _one_image(request)
    record = context_of(request.scope)
    with record.decoding():
        pixels_u8 = await pixels_of_file(data, settings)  # (28, 28)
    answer = await batcher.submit(pixels_u8[None, None], record)
    prediction = _predictions(answer)[0]
    if with_input:
        prediction["input"] = digits.data_url(pixels_u8)
    return _json(prediction)


@router.post(
    "/predict/batch",
    summary="Read several digits",
    responses={200: {"model": BatchPrediction, "content": json_of(BATCH_ANSWER)}, **PREDICT_FAILURES},
    openapi_extra=uploads.describe(BatchRequest, BATCH, several=True),
)
async def predict_batch(request: Request, settings: SettingsDep, batcher: CoalescerDep) -> Response:
    """Send JSON with the images in base64, or a form with a file for each. One bad image refuses the whole batch."""
    files = await _several_images(request, settings.max_batch_images)
    record = context_of(request.scope)
    with record.decoding():
        images_u8 = [await _numbered(i, data, settings) for i, data in enumerate(files)]
    answer = await batcher.submit(np.stack(images_u8)[:, None], record)  # (N, 1, 28, 28)
    return _json({"predictions": _predictions(answer)})


def _wants_input(request: Request) -> bool:
    # Read by hand: declared to the framework, this parameter would cost every request, and hardly one has it.
    if not request.scope["query_string"]:
        return False
    asked = request.query_params.getlist("include")
    if set(asked) - {"input"}:
        raise InvalidRequest("include: the only thing that can be asked for is 'input', as in ?include=input.")
    return bool(asked)


async def _one_image(request: Request) -> bytes:
    media_type = uploads.media_type_of(request)
    if uploads.is_json(media_type):
        return uploads.from_base64((await uploads.json_body(request, PredictRequest)).image)
    if media_type.startswith("image/"):
        return await request.body()
    if media_type == "multipart/form-data":
        return (await uploads.multipart_images(request, 1))[0]
    raise uploads.wrong_media(media_type, "application/json, image/* or multipart/form-data")


async def _several_images(request: Request, max_images: int) -> list[bytes]:
    media_type = uploads.media_type_of(request)
    if uploads.is_json(media_type):
        texts = (await uploads.json_body(request, BatchRequest)).images
        if len(texts) > max_images:
            raise uploads.too_many(max_images)
        return [uploads.from_base64(text) for text in texts]
    if media_type == "multipart/form-data":
        return await uploads.multipart_images(request, max_images)
    raise uploads.wrong_media(media_type, "application/json or multipart/form-data")


async def _numbered(index: int, data: bytes, settings: Settings) -> NDArray[np.uint8]:
    """Decode the image at ``index`` and let its error say which one it was."""
    try:
        return await pixels_of_file(data, settings)
    except ApiError as error:
        raise type(error)(f"images[{index}]: {error.message}") from error


def _predictions(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"prediction": digit, "probabilities": probabilities, "model_version": answer.model_version}
        for digit, probabilities in answer.values
    ]


def _json(content: Any) -> Response:  # noqa: ANN401 - whatever orjson can write
    # Written directly: validating our own answer against the schema again costs more than decoding the image.
    return Response(orjson.dumps(content), media_type="application/json")
