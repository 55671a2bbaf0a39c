"""FastAPI in front of Triton the usual way: one client a worker, one gRPC call a request."""

import base64
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import tritonclient.grpc.aio as grpcclient
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel


class Body(BaseModel):
    image: str


class Reply(BaseModel):
    prediction: int
    probabilities: list[float]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with grpcclient.InferenceServerClient(os.environ["BENCH_TRITON"]) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ready": await app.state.client.is_model_ready("mnist_cnn")}


@app.post("/predict")
async def predict(body: Body) -> Reply:
    image = Image.open(io.BytesIO(base64.b64decode(body.image))).convert("L")
    batch_u8 = np.asarray(image, np.uint8)[None, None]  # (1, 1, 28, 28)
    tensor = grpcclient.InferInput("INPUT__0", batch_u8.shape, "UINT8")
    tensor.set_data_from_numpy(batch_u8)
    outputs = [grpcclient.InferRequestedOutput("OUTPUT__0")]
    result = await app.state.client.infer("mnist_cnn", [tensor], outputs=outputs)
    scores = np.exp(result.as_numpy("OUTPUT__0")[0])
    return Reply(prediction=int(scores.argmax()), probabilities=scores.tolist())
