"""BentoML with adaptive batching. https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html.

A batchable API takes a list, so that its documentation puts a service for single requests in front of it.
"""

import base64
import io
import os
from typing import Any

import bentoml
import numpy as np
import torch
from PIL import Image


@bentoml.service(workers=1)
class Network:
    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.network = torch.jit.load(os.environ["BENCH_MODEL"], map_location="cpu").eval()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def infer(self, images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.network(torch.from_numpy(images)).exp().numpy()


@bentoml.service(workers=2)
class Digits:
    network = bentoml.depends(Network)

    @bentoml.api
    async def predict(self, image: str) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(base64.b64decode(image))).convert("L")
        batch_u8 = np.asarray(picture, np.uint8)[None, None]  # (1, 1, 28, 28)
        scores = (await self.network.to_async.infer(batch_u8))[0]
        return {"prediction": int(scores.argmax()), "probabilities": scores.tolist()}
