"""Asks Triton's HTTP port about random digits:  python -m examples.ask_triton.over_http [HOST:PORT]."""
# ruff: noqa: T201, TID251

import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput

MODEL = "mnist_cnn"


def main(url: str) -> None:
    """Send three images in one request, and print the answer and the model's statistics."""
    with InferenceServerClient(url) as client:
        images = InferInput("INPUT__0", [3, 1, 28, 28], "UINT8")
        images.set_data_from_numpy(np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), np.uint8))
        answer = client.infer(MODEL, [images])
        print("digits", answer.as_numpy("OUTPUT__0").argmax(axis=1).tolist())
        (statistics,) = client.get_inference_statistics(MODEL)["model_stats"]
        success = statistics["inference_stats"]["success"]
        print("version", statistics["version"], "requests", success["count"])
        print("mean_us", success["ns"] // max(1, success["count"]) // 1000)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")
