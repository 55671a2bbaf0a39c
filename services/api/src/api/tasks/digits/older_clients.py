"""``/predict-mnist``, by GET and POST: for clients written for the older demo of this model."""

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray

from api.errors import InvalidImage, PayloadTooLarge
from api.routes.dependencies import CoalescerDep, SettingsDep
from api.routes.failures import PREDICT_FAILURES
from api.schemas import PredictMnistRequest, PredictMnistResponse
from api.settings import Settings
from api.tasks import uploads
from api.tasks.digits.examples import PREDICT_MNIST, PREDICT_MNIST_ANSWER, json_of
from api.tasks.digits.pixels import pixels_of_file, pixels_of_raw
from api.telemetry.request_context import context_of

router = APIRouter(tags=["older clients"])

_GREY, _RGB = 1, 3  # bytes a pixel
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF")


async def predict_mnist(request: Request, settings: SettingsDep, batcher: CoalescerDep) -> PredictMnistResponse:
    """Send JSON; `image` is base64 (standard or URL-safe) of raw 8-bit pixels, row by row, or of an image file."""
    # The older clients' GET carries a body, and not all of them name its type.
    body = await uploads.json_body(request, PredictMnistRequest)
    record = context_of(request.scope)
    with record.decoding():
        pixels_u8 = await _pixels(body, settings)
    answer = await batcher.submit(pixels_u8[None, None], record)
    digit, _ = answer.values[0]
    return PredictMnistResponse(prediction=digit)


# One route for both, so that a 405 names both; OpenAPI wants an operation for each, which is described below.
router.add_api_route("/predict-mnist", predict_mnist, methods=["GET", "POST"], include_in_schema=False)
for _method in ("GET", "POST"):
    router.add_api_route(
        "/predict-mnist",
        predict_mnist,
        methods=[_method],
        operation_id=f"predict_mnist_{_method.lower()}",
        summary="Read one digit (older clients)",
        responses={200: {"content": json_of(PREDICT_MNIST_ANSWER)}, **PREDICT_FAILURES},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": PredictMnistRequest.model_json_schema(), "example": PREDICT_MNIST}
                },
            }
        },
    )


async def _pixels(body: PredictMnistRequest, settings: Settings) -> NDArray[np.uint8]:
    """Return ``(28, 28)`` uint8 from a file or from raw pixels of the size that the client states."""
    data = uploads.from_base64(body.image)
    area_px = body.height * body.width
    # Raw pixels can begin like a file does ("BM" above all), so the size that was stated decides where it fits.
    if len(data) not in (area_px * _GREY, area_px * _RGB):
        if data.startswith(_SIGNATURES):
            return await pixels_of_file(data, settings)
        raise InvalidImage(
            f"{len(data)} bytes are neither an image file nor {body.height}×{body.width} raw pixels "
            f"({area_px} bytes in grey, {area_px * _RGB} in RGB)."
        )
    if area_px > settings.max_image_px:
        raise PayloadTooLarge(f"The image has {area_px} px; at most {settings.max_image_px} px are read.")
    raw_u8 = np.frombuffer(data, np.uint8).reshape(body.height, body.width, -1)
    return await pixels_of_raw(raw_u8)
