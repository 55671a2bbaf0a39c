"""``/predict-mnist``, by GET and POST: for clients written for the older demo of this model."""

import numpy as np
from fastapi import APIRouter, Request

from api import failures
from api.errors import InvalidImage, NoDigitFound, PayloadTooLarge
from api.settings import Settings
from api.tasks import uploads
from api.tasks.base import Task
from api.tasks.digits.clean_up import Found
from api.tasks.digits.examples import THREE
from api.tasks.digits.pixels import digit_in_file, digit_in_raw
from api.tasks.digits.schemas import PredictMnistRequest, PredictMnistResponse
from api.tasks.digits.tensors import tensors_of
from api.tasks.routes import ask
from api.telemetry.request_context import context_of

_GREY, _RGB = 1, 3  # bytes a pixel
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF")
_TYPE_BOX = slice(4, 8), b"ftyp"  # of HEIC and AVIF
_PATH = "/predict-mnist"
_EXAMPLE = {"image": THREE, "height": 28, "width": 28}


def router_of(task: Task) -> APIRouter:
    """Return the older demo's route, answered by ``task``'s model."""
    hint = f"Send the image in base64, as a file or as raw pixels; tensors go to POST /v2/models/{task.model}/infer."

    async def predict_mnist(request: Request) -> PredictMnistResponse:
        """Send JSON; `image` is base64 (standard or URL-safe) of raw 8-bit pixels, row by row, or of an image file."""
        # The older clients' GET carries a body, and not all of them name its type.
        body = await uploads.json_body(request, PredictMnistRequest, hint)
        context = context_of(request.scope)
        with context.decoding():
            found = await _digit_in(body, task.settings)
        (answer,) = await ask(task, request.app.state.batcher, context, tensors_of(found.image_u8))
        return PredictMnistResponse(prediction=answer["prediction"])

    router = APIRouter(tags=["older clients"])
    # One route for both, so that a 405 names both; OpenAPI wants an operation for each, which is described below.
    router.add_api_route(_PATH, predict_mnist, methods=["GET", "POST"], include_in_schema=False)
    errors = failures.describe(task.settings, *failures.OF_INFERENCE, InvalidImage, NoDigitFound)
    schema = {"schema": PredictMnistRequest.model_json_schema(), "example": _EXAMPLE}
    for method in ("GET", "POST"):
        router.add_api_route(
            _PATH,
            predict_mnist,
            methods=[method],
            operation_id=f"predict_mnist_{method.lower()}",
            summary="Read one digit (older clients)",
            responses={200: {"content": {"application/json": {"example": {"prediction": 3}}}}, **errors},
            openapi_extra={"requestBody": {"required": True, "content": {"application/json": schema}}},
        )
    return router


async def _digit_in(body: PredictMnistRequest, settings: Settings) -> Found:
    """Return the digit in a file, or in raw pixels of the size that the client states."""
    try:
        data = uploads.from_base64(body.image)
    except ValueError as exc:
        raise InvalidImage("The image isn't valid base64.") from exc
    area_px = body.height * body.width
    # Raw pixels can begin like a file does ("BM" above all), so a length that fits the stated size decides.
    if len(data) not in (area_px * _GREY, area_px * _RGB):
        if data.startswith(_SIGNATURES) or data[_TYPE_BOX[0]] == _TYPE_BOX[1]:
            return await digit_in_file(data, settings)
        raise InvalidImage(
            f"{len(data)} bytes are neither an image file nor {body.height}×{body.width} raw pixels "
            f"({area_px} bytes in grey, {area_px * _RGB} in RGB)."
        )
    if area_px > settings.max_image_px:
        raise PayloadTooLarge(f"The image has {area_px} px; at most {settings.max_image_px} px are read.")
    raw_u8 = np.frombuffer(data, np.uint8).reshape(body.height, body.width, -1)
    return await digit_in_raw(raw_u8)
