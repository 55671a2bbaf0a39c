"""A task whose input is a JSON object: its routes, its batch, its OpenAPI, and what it refuses."""

from collections.abc import AsyncIterator, Sequence

import httpx
import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from api.app import create_app
from api.errors import InvalidInput
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, TensorSpec
from api.inference.tensors import Tensors
from api.settings import Settings
from api.tasks.base import Example
from api.tasks.json_task import JsonTask
from api.telemetry.request_context import RequestContext
from tests.unit.api.fakes import FakeClient


class Point(BaseModel):
    x: float
    y: float


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: Point
    end: Point
    width: int = Field(1, ge=1)


class Length(BaseModel):
    length: float


class Lengths(JsonTask):
    """Measures a line."""

    name, path, model, noun = "lengths", "/lengths", "ruler", "line"
    Input, Answer = Line, Length
    examples = (Example({"start": {"x": 0, "y": 0}, "end": {"x": 3, "y": 4}}, {"length": 5.0}),)

    def encode(self, data: Line) -> Tensors:
        if data.width > 9:
            raise InvalidInput("The line is too wide.")
        return {"ends": np.array([[data.start.x, data.start.y, data.end.x, data.end.y]], np.float32)}

    def decode(self, outputs: Tensors) -> list[Length]:
        return [Length(length=float(value)) for value in outputs["length"]]


class Ruler(FakeClient):
    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        return ModelMetadata(model, ("3",), "any", (TensorSpec("ends", "FP32", (-1, 4)),), (), 8)

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        ends = request.inputs["ends"]
        return InferenceResult({"length": np.hypot(*(ends[:, 2:] - ends[:, :2]).T)}, "3")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(tasks="tests.unit.api.test_json_task:Lengths", ready_ttl_s=0), client=Ruler())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield client


LINE = {"start": {"x": 0, "y": 0}, "end": {"x": 3, "y": 4}}


async def test_one_object_and_a_list_of_them_are_answered(client) -> None:
    answer = await client.post("/lengths", json=LINE)
    assert answer.json() == {"length": 5.0, "model_version": "3"}
    other = {"start": {"x": 1, "y": 1}, "end": {"x": 1, "y": 3}, "width": 2}
    answer = await client.post("/lengths/batch", json={"lines": [LINE, other]})
    assert [each["length"] for each in answer.json()["predictions"]] == [5.0, 2.0]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"start": {"x": 0, "y": 0}}, "end"),
        ({**LINE, "colour": "red"}, "colour"),
        ({**LINE, "width": 0}, "width"),
        ([LINE], "dictionary"),
        ({**LINE, "width": 10}, "too wide"),
    ],
)
async def test_what_the_schema_does_not_allow_is_named(client, body, named) -> None:
    refused = await client.post("/lengths", json=body)
    assert refused.status_code == 422
    assert named in refused.text


async def test_a_bad_member_of_a_batch_is_named_by_its_place(client) -> None:
    refused = await client.post("/lengths/batch", json={"lines": [LINE, {**LINE, "width": 10}]})
    assert refused.status_code == 422
    assert "lines[1]: The line is too wide." in refused.text
    assert (await client.post("/lengths/batch", json={"lines": []})).status_code == 422
    assert (await client.post("/lengths/batch", json={"lines": [LINE] * 5000})).status_code == 413


async def test_files_and_forms_are_refused(client) -> None:
    for path in ("/lengths", "/lengths/batch"):
        for refused in (
            await client.post(path, files={"line": b"x"}),
            await client.post(path, content=b"x", headers={"content-type": "image/png"}),
        ):
            assert refused.status_code == 415
            assert "application/json" in refused.text


async def test_openapi_shows_the_schema_with_its_parts_in_place_and_an_example(client) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    body = paths["/lengths"]["post"]["requestBody"]["content"]
    assert list(body) == ["application/json"]
    assert body["application/json"]["schema"]["properties"]["start"]["properties"].keys() == {"x", "y"}
    assert body["application/json"]["example"] == LINE
    several = paths["/lengths/batch"]["post"]["requestBody"]["content"]["application/json"]
    assert several["schema"]["properties"]["lines"]["items"]["properties"].keys() == {"start", "end", "width"}
    assert several["example"] == {"lines": [LINE]}
    assert "$defs" not in str(body)
    assert "$ref" not in str(several["schema"])
