"""Two digits of MNIST's and their answers, which OpenAPI shows and its page sends.

Every request here is sent to the real stack by tests/e2e/test_examples.py.
"""

from typing import Any

from api.tasks.base import Example

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


def prediction(digit: int) -> dict[str, Any]:
    """Return an answer as a confident network gives it."""
    probabilities = [0.9991 if each == digit else 0.0001 for each in range(10)]
    return {"prediction": digit, "probabilities": probabilities, "confidence": 0.9991, "warning": None}


EXAMPLES = (Example(SEVEN, prediction(7)), Example(THREE, prediction(3)))
