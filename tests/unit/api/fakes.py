"""A client in Triton's place, and images that it reads."""

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.inference.client import (
    InferenceRequest,
    InferenceResult,
    ModelMetadata,
    ServedModel,
    ServerMetadata,
    TensorSpec,
)
from api.settings import Settings
from api.tasks.digits import Digits
from api.tasks.digits.tensors import INPUT, OUTPUT
from api.telemetry.request_context import RequestContext

CANARY = Digits(Settings()).canary().request.inputs[INPUT]


class FakeClient:
    """Reads the digit that :func:`marked` wrote into a pixel, and the canary as 1."""

    def __init__(self) -> None:
        self.batches: list[NDArray[Any]] = []  # without the canaries
        self.canaries = 0
        self.error: Exception | None = None
        self.version = "7"
        self.max_batch_size = 128
        self.gate = asyncio.Event()  # closed, it keeps every answer back
        self.gate.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        return ModelMetadata(
            model,
            (self.version,),
            "onnxruntime_onnx",
            (TensorSpec(INPUT, "UINT8", (-1, 1, 28, 28)),),
            (TensorSpec(OUTPUT, "FP32", (-1, 10)),),
            self.max_batch_size,
        )

    async def server(self) -> ServerMetadata:
        return ServerMetadata("triton", "2.51.0", ("classification", "system_shared_memory"))

    async def list_models(self) -> list[ServedModel]:
        return [ServedModel("mnist_cnn", self.version)]

    async def is_ready(self, model: str, version: str = "") -> bool:
        return model == "mnist_cnn"

    async def config(self, model: str, version: str = "") -> dict[str, Any]:
        return {"name": model, "max_batch_size": self.max_batch_size}

    async def statistics(self, model: str = "", version: str = "") -> list[dict[str, Any]]:
        return [{"name": "mnist_cnn", "version": self.version, "inference_count": len(self.batches)}]

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        batch = request.inputs[INPUT]
        if is_canary(batch):
            self.canaries += 1
        else:
            self.batches.append(batch)
        await self.gate.wait()
        if self.error:
            raise self.error
        digits = batch[:, 0, 14, 14].astype(int) % 10
        digits[[is_canary(image) for image in batch]] = 1
        scores = np.full((len(batch), 10), -9.0, np.float32)
        scores[np.arange(len(batch)), digits] = -0.001
        return InferenceResult({OUTPUT: scores}, self.version)

    async def canary(
        self, request: InferenceRequest, check: Callable[[InferenceResult], None], *, deadline_s: float
    ) -> InferenceResult:
        result = await self.infer(request, deadline_s=deadline_s)
        check(result)
        return result


def is_canary(image: NDArray[Any]) -> bool:
    """Tell readiness's question from a client's."""
    return image.ndim > 2 and np.array_equal(image.reshape(-1, 28, 28), CANARY[0])


class Connection:
    """One request over a connection that can be cut, as an ASGI server presents it.

    Args:
        body: What the client sends, piece by piece.
        headers: Further headers.
    """

    def __init__(self, *body: bytes, path: str = "/predict", **headers: str) -> None:
        self._pieces = list(body)
        self._cut = asyncio.Event()
        self.sent: list[Any] = []
        pairs = {"content-type": "image/png"} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
            "http_version": "1.1",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
            "state": {},
        }

    async def receive(self) -> dict[str, Any]:
        if self._pieces and not self._cut.is_set():
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}
        await self._cut.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def hang_up(self) -> None:
        self._cut.set()

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    async def ask(self, app: Any) -> int | None:
        """Serve the request; return its status."""
        await app(self.scope, self.receive, self.send)
        return self.status


def marked(digit: int) -> NDArray[np.uint8]:
    """Return a ``(28, 28)`` image that the fake reads as ``digit``."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 200  # in MNIST's form
    image[14, 14] = 210 + digit
    return image


def encoded(pixels: NDArray[np.uint8] | Image.Image, fmt: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
