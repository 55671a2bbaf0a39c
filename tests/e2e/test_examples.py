"""The examples that the API's description shows, sent to the real stack."""

from typing import Any

import httpx
import pytest


@pytest.fixture(scope="module")
def openapi(api) -> dict[str, Any]:
    return httpx.get(f"{api.url}/openapi.json", timeout=30).json()


def shape_of(value: Any) -> Any:
    """Return what a JSON value is made of, numbers and texts left out."""
    if isinstance(value, dict):
        # The framework leaves a null out of an example, and a network of one short training may warn of its answer.
        return {key: shape_of(each) for key, each in value.items() if key != "warning"}
    return [shape_of(each) for each in value] if isinstance(value, list) else type(value)


def digits_of(answer: dict[str, Any]) -> list[int]:
    return [each["prediction"] for each in answer.get("predictions", [answer])]


def test_every_example_of_a_request_gets_the_answer_of_the_example(api, openapi):
    ran = []
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None or "{" in path:  # of any model: tests/e2e/test_v2_agreement.py
                continue
            answer = httpx.request(method, f"{api.url}{path}", json=body["example"], timeout=30)
            assert answer.status_code == 200, (path, answer.text)
            expected = operation["responses"]["200"]["content"]["application/json"]["example"]
            assert digits_of(answer.json()) == digits_of(expected), path
            assert shape_of(answer.json()) == shape_of(expected), path
            ran.append((method, path))
    assert sorted(ran) == [
        ("get", "/predict-mnist"),
        ("post", "/predict"),
        ("post", "/predict-mnist"),
        ("post", "/predict/batch"),
    ]


def test_readiness_answers_as_its_example(api, openapi):
    expected = openapi["paths"]["/health/ready"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert shape_of(httpx.get(f"{api.url}/health/ready", timeout=30).json()) == shape_of(expected)
