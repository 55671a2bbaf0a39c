"""Whether what comes back over HTTP is what a network says in PyTorch."""

import httpx
import numpy as np
import torch

from tests.support.images import as_json, png
from trainer.digits.data import Images


def probabilities_of(network: torch.nn.Module, images: Images) -> np.ndarray:
    """Return the network's ``(N, 10)`` probabilities."""
    with torch.inference_mode():
        return network(images.images_u8).exp().numpy()


def assert_agrees(client: httpx.Client, network: torch.nn.Module, images: Images, version: str) -> None:
    """Ask the api about every image, and compare digit by digit and probability by probability."""
    expected = probabilities_of(network, images)
    answers = []
    for part in images.images_u8.split(128):
        body = {"images": [as_json(png(image[0].numpy()))["image"] for image in part]}
        response = client.post("/predict/batch", json=body)
        assert response.status_code == 200, response.text
        answers += response.json()["predictions"]
    assert len(answers) == len(images) >= 1000
    got = np.array([answer["probabilities"] for answer in answers])
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert [answer["prediction"] for answer in answers] == expected.argmax(axis=1).tolist()
    assert {answer["model_version"] for answer in answers} == {version}
