"""FastAPI with PyTorch in the process."""

import base64
import io
import os

import numpy as np
import torch
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel

torch.set_num_threads(1)  # two workers on two cores; more threads only get into each other's way
network = torch.jit.load(os.environ["BENCH_MODEL"], map_location="cpu").eval()
app = FastAPI()


class Body(BaseModel):
    image: str


class Reply(BaseModel):
    prediction: int
    probabilities: list[float]


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
async def predict(body: Body) -> Reply:
    image = Image.open(io.BytesIO(base64.b64decode(body.image))).convert("L")
    batch_u8 = torch.from_numpy(np.array(image, np.uint8))[None, None]  # (1, 1, 28, 28)
    # In the event loop: half a millisecond of work is less than the cost of handing it to a thread.
    with torch.inference_mode():
        scores = network(batch_u8)[0].exp()
    return Reply(prediction=int(scores.argmax()), probabilities=scores.tolist())
