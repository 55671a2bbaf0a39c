"""Whether a contender answers what the model answers; only then is its speed worth a look."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import WrongAnswer
from bench.model import NAME, Model
from bench.stage import Running, ask

# TorchScript and ONNX Runtime add up in another order; a batch in another than a row.
_TOLERANCE = 1e-3


def check(scene: Running, model: Model) -> None:
    """Ask about every image and compare.

    Raises:
        WrongAnswer: An answer is missing, or another than the model's.
    """
    for number, sample in enumerate(model.samples):
        if scene.url:
            fault = fault_of(ask(scene.url, sample.json_body), model.probabilities[number])
        else:
            scores = _scores_of(scene.triton_http, model.images_u8[number])
            expected = model.probabilities[number]
            fault = fault_of({"prediction": int(scores.argmax()), "probabilities": scores.tolist()}, expected)
        if fault:
            raise WrongAnswer(f"image {number}: {fault}")


def fault_of(answer: dict[str, Any] | None, expected: Sequence[float]) -> str | None:
    """Return what is wrong with an answer, or None.

    Args:
        answer: ``prediction`` and ``probabilities``.
        expected: The model's probabilities.
    """
    if answer is None:
        return "no answer"
    digit = int(np.argmax(expected))
    if answer.get("prediction") != digit:
        return f"read {answer.get('prediction')}, the model reads {digit}"
    got = answer.get("probabilities")
    if not isinstance(got, list) or len(got) != len(expected):
        return "no ten probabilities"
    difference = max(abs(one - other) for one, other in zip(got, expected, strict=True))
    return None if difference <= _TOLERANCE else f"a probability is off by {difference:.2g}"


def binary_request(images_u8: np.ndarray, *, binary_answer: bool) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of Triton's HTTP call with raw bytes behind a JSON header, its cheapest form.

    Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
    """
    raw = images_u8.tobytes()
    tensor = {"name": "INPUT__0", "datatype": "UINT8", "shape": list(images_u8.shape)}
    tensor["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps(
        {"inputs": [tensor], "outputs": [{"name": "OUTPUT__0", "parameters": {"binary_data": binary_answer}}]}
    )
    headers = {"content-type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return head.encode() + raw, headers


def infer_url(triton_http: str) -> str:
    """Return the address of the model's HTTP call."""
    return f"{triton_http}/v2/models/{NAME}/infer"


def _scores_of(triton_http: str, image_u8: np.ndarray) -> np.ndarray:
    body, headers = binary_request(image_u8[None], binary_answer=False)
    try:
        request = urllib.request.Request(infer_url(triton_http), body, headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return np.exp(np.asarray(json.load(response)["outputs"][0]["data"]))
    except (urllib.error.URLError, OSError, ValueError, LookupError) as exc:
        raise WrongAnswer(f"Triton: {exc}") from exc
