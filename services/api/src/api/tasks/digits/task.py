"""``POST /predict``: an image of a handwritten digit in, the digit out."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from fastapi import APIRouter

from api.errors import InvalidImage, NoDigitFound, UpstreamError
from api.inference.client import InferenceRequest, InferenceResult
from api.inference.readiness import Canary
from api.inference.tensors import Tensors
from api.settings import Settings
from api.tasks.base import Step, Task
from api.tasks.digits import image, older_clients, page_files, warnings
from api.tasks.digits.clean_up.mnist_form import SIDE_PX
from api.tasks.digits.examples import EXAMPLES
from api.tasks.digits.image_file import FORMATS, ImageFile, open_image
from api.tasks.digits.pixels import digit_in_file
from api.tasks.digits.schemas import Prediction
from api.tasks.digits.steps import steps_of
from api.tasks.digits.tensors import CLASSES, INPUT, OUTPUT

# A "1": a vertical stroke, four pixels wide. Every network that reads digits at all reads it.
_CANARY_U8 = np.zeros((1, 1, SIDE_PX, SIDE_PX), np.uint8)
_CANARY_U8[..., 4:24, 12:16] = 255
_CANARY_DIGIT = 1


class Digits(Task):
    """Reads a handwritten digit."""

    name, path = "digits", "/predict"
    outputs = (OUTPUT,)
    noun = "image"
    noun_description = f"The image file ({FORMATS}) in base64."
    accepts = ("image/*",)
    Answer = Prediction
    Invalid = InvalidImage
    further_errors = (NoDigitFound,)
    examples = EXAMPLES

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.model = settings.model_name
        # A worker has about one core, and decodes one image at a time: OpenCV's own threads would compete with it.
        cv2.setNumThreads(1)

    def encode(self, data: bytes) -> Tensors:
        """Return an image file as the network's input, ``(1, 1, 28, 28)`` uint8, white ink on black."""
        return warnings.inputs_of(image.decode(self._opened(data)))

    async def prepare(self, data: bytes) -> Tensors:
        """Encode an image, beside the event loop unless it is in MNIST's form."""
        return warnings.inputs_of(await digit_in_file(data, self.settings))

    def decode(self, outputs: Tensors) -> Sequence[Mapping[str, Any]]:
        """Return digit, probabilities and confidence for each row of ``(N, 10)`` log-probabilities."""
        scores = outputs[OUTPUT]
        if scores.ndim != 2 or scores.shape[1] != CLASSES:  # noqa: PLR2004 - rows and classes
            raise UpstreamError(f"The model answered {scores.shape}; digits need (N, {CLASSES}).")
        if not np.isfinite(scores).all():
            raise UpstreamError(f"Model {self.model} answered with scores that are not finite.")
        weights = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        rows = zip(probabilities.argmax(axis=1).tolist(), probabilities.tolist(), strict=True)
        return [_answer(digit, row, row[digit]) for digit, row in rows]

    def show_input(self, inputs: Tensors) -> str:
        """Return the 28×28 image that the network was given as a PNG in a ``data:`` URL."""
        return image.data_url(inputs[INPUT][0, 0])

    def show_steps(self, data: bytes) -> list[Step]:
        """Return the clean-up's steps as images."""
        return steps_of(image.decode(self._opened(data)))

    def _opened(self, data: bytes) -> ImageFile:
        return open_image(data, self.settings.max_image_px, self.settings.max_decode_bytes)

    def complete(self, inputs: Tensors, answer: dict[str, Any]) -> None:
        """Add the warning that follows from the image."""
        warnings.complete(inputs, answer)

    def canary(self) -> Canary:
        """Return the image of a plain 1."""
        request = InferenceRequest(self.model, {INPUT: _CANARY_U8}, self.version, self.outputs)
        return Canary(request, self._fault_of)

    def _fault_of(self, result: InferenceResult) -> str | None:
        digit = self.decode(result.outputs)[0]["prediction"]
        return None if digit == _CANARY_DIGIT else f"it reads a plain {_CANARY_DIGIT} as {digit}"

    def routers(self) -> Sequence[APIRouter]:
        """Return the page on which to draw, and the older demo's route."""
        return (older_clients.router_of(self), page_files.router)


def _answer(digit: int, probabilities: list[float], confidence: float) -> dict[str, Any]:
    return {
        "prediction": digit,
        "probabilities": probabilities,
        "confidence": confidence,
        "warning": warnings.warning_of(confidence),
    }
