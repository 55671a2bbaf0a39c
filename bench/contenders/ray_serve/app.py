"""Ray Serve with batching. https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html."""

import base64
import io
import os
from typing import Any

import numpy as np
import ray
import torch
from PIL import Image
from ray import serve
from starlette.requests import Request


# Less than a core each, so that Ray finds room for both beside its own proxy on a machine with two.
@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class Digits:
    def __init__(self, model: str) -> None:
        torch.set_num_threads(1)
        self.network = torch.jit.load(model, map_location="cpu").eval()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def infer(self, images_u8: list[np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            return list(self.network(torch.from_numpy(np.stack(images_u8))).exp().numpy())

    async def __call__(self, request: Request) -> dict[str, Any]:
        body = await request.json()
        picture = Image.open(io.BytesIO(base64.b64decode(body["image"]))).convert("L")
        scores = await self.infer(np.asarray(picture, np.uint8)[None])
        return {"prediction": int(scores.argmax()), "probabilities": scores.tolist()}


if __name__ == "__main__":
    ray.init(include_dashboard=False, num_cpus=os.cpu_count())
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])})
    serve.run(Digits.bind(os.environ["BENCH_MODEL"]), blocking=True)
