"""What the API's description shows, and its page sends when one tries it out: two digits of MNIST's, and the answers.

Every request here is sent to the real stack by tests/e2e/test_examples.py.
"""

from typing import Any

SEVEN = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAAsUlEQVR42mNgGDaAmYGBQf15gtwrCZ53GJKMDAwMDHUNDAwMn6/CxP4k3kWS"
    "ZNJyk/XmlPnPcPc/A4Mi84ekDehmCDo7OzMxMDA8/ZeF2xVP/6nAmEzocuZCb7/hlPRkn/cMl6Giz/4FM+DSyS3B8A+ncxT+vWLAqVOTYQ1u"
    "SX+GDThNlf/6TwqnTivO739wG8uwG4+DUACGpCg7HklLYZySb/6iJxMkcO+5wKKfxCUwAOaxKugjZXs6AAAAAElFTkSuQmCC"
)
THREE = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA0UlEQVR42mNgGDjAPvP/v/8/JuUIY5P0+QsBF6WQBJkgFKMflK+TgyTJAqWC"
    "GN4su84gUcZpgyn521rq4T0GBoa78/C4i+X9V02ckvP/HsIpp/URRZIFia29lZcHp77wv3///n2xSA635N+/V+GyzMiysoLffnAxiBy5gcNo"
    "joJPf5dz4bQ58NffUNSwZWBgYCtmZ2BgYDZNYGZwxPBKQJfGcgaG7AAGBoZnGMZV/IWB7VIYko9gcg9UMB1yFCL1tlcZiyuFMp98m5ilKssw"
    "sAAAZT1aXpLArLwAAAAASUVORK5CYII="
)

Example = dict[str, Any]


def prediction(digit: int) -> Example:
    """Return an answer as a sure network gives it."""
    probabilities = [0.9991 if each == digit else 0.0001 for each in range(10)]
    return {"prediction": digit, "probabilities": probabilities, "model_version": "1"}


PREDICT: Example = {"image": SEVEN}
PREDICT_ANSWER = prediction(7)
BATCH: Example = {"images": [SEVEN, THREE]}
BATCH_ANSWER: Example = {"predictions": [prediction(7), prediction(3)]}
PREDICT_MNIST: Example = {"image": THREE, "height": 28, "width": 28}
PREDICT_MNIST_ANSWER: Example = {"prediction": 3}
READY: Example = {"status": "ready", "model": "mnist_cnn", "model_version": "1"}


def json_of(value: Example) -> dict[str, Any]:
    """Return OpenAPI's content of a JSON body with its example."""
    return {"application/json": {"example": value}}
