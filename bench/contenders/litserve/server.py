"""LitServe with batching. https://lightning.ai/docs/litserve/features/batching."""

import base64
import io
import os
from typing import Any

import litserve as ls
import numpy as np
import torch
from PIL import Image


class DigitApi(ls.LitAPI):
    def setup(self, device: str) -> None:
        torch.set_num_threads(1)
        self.network = torch.jit.load(os.environ["BENCH_MODEL"], map_location=device).eval()

    def decode_request(self, request: dict[str, Any]) -> torch.Tensor:
        image = Image.open(io.BytesIO(base64.b64decode(request["image"]))).convert("L")
        return torch.from_numpy(np.array(image, np.uint8))[None]  # (1, 28, 28)

    def batch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(inputs)  # (N, 1, 28, 28)

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return self.network(x).exp()

    def unbatch(self, output: torch.Tensor) -> list[torch.Tensor]:
        return list(output)

    def encode_response(self, output: torch.Tensor) -> dict[str, Any]:
        return {"prediction": int(output.argmax()), "probabilities": output.tolist()}


if __name__ == "__main__":
    server = ls.LitServer(DigitApi(max_batch_size=64, batch_timeout=0.005), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=2,
        generate_client_file=False,
        log_level="warning",
    )
