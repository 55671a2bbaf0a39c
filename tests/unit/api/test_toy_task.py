"""A task that no line outside its module knows: routes, batches, OpenAPI, limits and readiness follow from it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from typing import Self

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.errors import Overloaded, Unavailable
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, TensorSpec
from api.settings import Settings
from api.tasks.digits import Digits
from api.telemetry.request_context import RequestContext
from tests.unit.api.fakes import FakeClient, as_base64, encoded, marked
from tests.unit.api.toy_task import Weigh

TASKS = "tests.unit.api.toy_task:Weigh, api.tasks.digits:Digits"


class Scales(FakeClient):
    """Answers the toy task's model, and leaves the digits' to its parent."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[InferenceRequest] = []
        self.is_wrong = False

    async def __aenter__(self) -> Self:
        return self

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        if model != "scales":
            return await super().metadata(model, version)
        numbers, weight = TensorSpec("numbers", "FP32", (-1, -1)), TensorSpec("weight", "INT64", (-1, 1))
        return ModelMetadata(model, ("3",), "any", (numbers, weight), (), 8)

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        if request.model != "scales":
            return await super().infer(request, contexts, deadline_s=deadline_s)
        self.asked.append(request)
        await self.gate.wait()
        numbers, weight = request.inputs["numbers"], request.inputs["weight"]
        labels = np.array([[f"n={numbers.shape[1]}".encode()]] * len(numbers), object)
        return InferenceResult({"total": numbers.sum(axis=1) * weight[:, 0] + self.is_wrong, "labels": labels}, "3")


@pytest.fixture
def scales() -> Scales:
    return Scales()


@pytest.fixture
async def client(scales: Scales) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(tasks=TASKS, ready_ttl_s=0), client=scales)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        await client.post("/weigh", content=weighing(1, 1), headers={"content-type": "text/plain"})
        scales.asked.clear()
        yield client


def weighing(weight: int, *numbers: int) -> bytes:
    return f'{{"weight": {weight}, "numbers": {list(numbers)}}}'.encode()


async def test_all_three_ways_to_send_give_its_answer(client):
    data = weighing(2, 1, 2, 3)
    answers = [
        await client.post("/weigh", json={"list": as_base64(data)}),
        await client.post("/weigh", content=data, headers={"content-type": "text/plain"}),
        await client.post("/weigh", files={"list": ("a.json", data)}),
    ]
    for answer in answers:
        assert answer.json() == {"total": 12.0, "labels": ["n=3"], "model_version": "3"}


async def test_concurrent_requests_of_every_length_share_calls_where_they_can_and_get_their_own(client, scales):
    scales.gate.clear()
    sends = [
        client.post("/weigh", content=weighing(i, *range(i % 3 + 1)), headers={"content-type": "text/plain"})
        for i in range(12)
    ]
    tasks = [asyncio.create_task(send) for send in sends]
    for _ in range(50):
        await asyncio.sleep(0)
    scales.gate.set()
    answers = [task.json() for task in await asyncio.gather(*tasks)]
    assert [answer["total"] for answer in answers] == [i * sum(range(i % 3 + 1)) for i in range(12)]
    assert [answer["labels"] for answer in answers] == [[f"n={i % 3 + 1}"] for i in range(12)]
    rows = [request.inputs["numbers"].shape for request in scales.asked if request.inputs["numbers"].size > 1]
    assert max(rows)[0] > 1, "rows of one length shared a call"


@pytest.mark.parametrize("lengths,calls", [((2, 2, 2), 1), ((1, 2, 3), 3)])
async def test_a_batch_is_one_call_where_its_rows_are_alike(client, scales, lengths, calls):
    lists = [as_base64(weighing(2, *[1] * length)) for length in lengths]
    answer = await client.post("/weigh/batch", json={"lists": lists})
    assert [each["total"] for each in answer.json()["predictions"]] == [2 * length for length in lengths]
    assert len([request for request in scales.asked if request.inputs["weight"][0, 0] == 2]) in (calls, calls + 1)


@pytest.mark.parametrize(
    "request_,status,code,text",
    [
        ({"content": b"[1]", "headers": {"content-type": "text/plain"}}, 422, "invalid_input", "weight"),
        ({"content": b"x", "headers": {"content-type": "image/png"}}, 415, "unsupported_media_type", "text/plain"),
        ({"json": {"list": "!"}}, 422, "invalid_input", "The list isn't valid base64"),
        ({"json": {"image": "aaaa"}}, 422, "invalid_request", "list"),
    ],
)
async def test_bad_input_is_refused_in_its_words(client, request_, status, code, text):
    answer = await client.post("/weigh", **request_)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert text in answer.json()["error"]["message"]


async def test_a_batch_says_which_input_is_bad(client):
    answer = await client.post("/weigh/batch", json={"lists": [as_base64(weighing(1, 1)), as_base64(b"no")]})
    assert answer.json()["error"]["message"].startswith("lists[1]: ")


async def test_an_error_of_a_batch_keeps_its_kind_and_when_to_retry(client, monkeypatch):
    class Busy(Overloaded):
        def __init__(self) -> None:
            super().__init__("The scales are in use.", retry_after_s=7)

    def encode(self, data):
        raise Busy

    monkeypatch.setattr(Weigh, "encode", encode)
    answer = await client.post("/weigh/batch", json={"lists": [as_base64(b"x")]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error"]["message"] == "lists[0]: The scales are in use."


async def test_a_model_without_a_batch_dimension_gets_one_call_for_each_input_of_a_batch(scales, monkeypatch):
    metadata = type(scales).metadata

    async def unbatched(self, model, version=""):
        return (await metadata(self, model, version))._replace(max_batch_size=0)

    monkeypatch.setattr(type(scales), "metadata", unbatched)
    app = create_app(Settings(tasks=TASKS), client=scales)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        lists = [as_base64(weighing(5, *[1] * length)) for length in (2, 2, 3)]
        answer = await client.post("/weigh/batch", json={"lists": lists})
    assert [each["total"] for each in answer.json()["predictions"]] == [10, 10, 15]
    assert len([request for request in scales.asked if request.inputs["weight"][0, 0] == 5]) == 3


async def test_inputs_of_a_batch_leave_the_queue_when_one_has_failed(client, scales, monkeypatch):
    infer = type(scales).infer

    async def refuses_one_number(self, request, contexts=(), *, deadline_s=None):
        if "numbers" in request.inputs and request.inputs["numbers"].shape[1] == 1 and contexts:
            raise Unavailable("away")
        return await infer(self, request, contexts, deadline_s=deadline_s)

    monkeypatch.setattr(type(scales), "infer", refuses_one_number)
    scales.gate.clear()
    held = asyncio.create_task(client.post("/weigh", content=weighing(1, 1, 1), headers={"content-type": "text/plain"}))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(scales.asked) == 1
    lists = [as_base64(weighing(1, 1)), as_base64(weighing(5, 1, 1))]
    assert (await client.post("/weigh/batch", json={"lists": lists})).status_code == 503
    scales.gate.set()
    assert (await held).status_code == 200
    for _ in range(50):
        await asyncio.sleep(0)
    assert not [request for request in scales.asked if request.inputs["weight"][0, 0] == 5]


async def test_it_is_in_the_description_with_its_example(client):
    description = (await client.get("/openapi.json")).json()
    operation = description["paths"]["/weigh"]["post"]
    assert operation["summary"] == "Adds up numbers, each times a weight."
    body = operation["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data", "text/plain"}
    assert base64.b64decode(body["application/json"]["example"]["list"]) == b'{"weight": 2, "numbers": [1, 2]}'
    answer = operation["responses"]["200"]["content"]["application/json"]
    assert answer["example"] == {"total": 6.0, "labels": ["n=2"], "model_version": "1"}
    assert "security" in operation
    assert {p["name"] for p in operation["parameters"]} == {"x-request-timeout-ms"}


async def test_readiness_asks_every_task(client, scales):
    ready = (await client.get("/health/ready")).json()
    assert ready["models"] == {"scales": "3", "mnist_cnn": "7"}
    assert (ready["model"], ready["model_version"]) == ("scales", "3")
    scales.is_wrong = True
    answer = await client.get("/health/ready")
    assert answer.status_code == 502
    assert "2 times 1 isn't 2" in answer.json()["error"]["message"]


async def test_the_digits_are_served_beside_it(client):
    answer = await client.post("/predict", json={"image": as_base64(encoded(marked(4)))})
    assert answer.json()["prediction"] == 4


async def test_a_task_that_shows_no_input_ignores_the_question(client):
    answer = await client.post("/weigh?include=input", json={"list": as_base64(weighing(1, 1))})
    assert "input" not in answer.json()


async def test_no_task_at_all_is_a_working_product(scales):
    app = create_app(Settings(tasks="none"), client=scales)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        assert (await client.get("/health/ready")).json()["status"] == "ready"
        assert (await client.post("/predict", json={})).status_code == 404


@pytest.mark.parametrize(
    "tasks,text",
    [
        ("nowhere.at:All", "can't be imported"),
        ("api.tasks.digits:Nothing", "has no Nothing"),
        ("api.settings:Settings", "no class derived"),
        ("api.tasks.base:Task", "abstract"),
        (f"{TASKS}, api.tasks.digits:Digits", "two tasks have the name digits"),
    ],
)
def test_a_task_that_cannot_be_loaded_ends_the_start_with_a_line(tasks, text):
    with pytest.raises(SystemExit, match="API_TASKS") as raised:
        create_app(Settings(tasks=tasks))
    assert text in str(raised.value)


def test_an_error_in_a_task_s_module_is_not_taken_for_a_missing_class(tmp_path, monkeypatch):
    (tmp_path / "broken_task.py").write_text("import json\njson.misspelt\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AttributeError, match="misspelt"):
        create_app(Settings(tasks="broken_task:Task"))


def test_a_task_is_named_as_module_and_class():
    with pytest.raises(ValueError, match="write module:Class"):
        Settings(tasks="api.tasks.digits")


def test_tasks_can_be_passed_in():
    settings = Settings()
    app = create_app(settings, client=FakeClient(), tasks=[Weigh(settings), Digits(settings)])
    assert {"/weigh", "/weigh/batch", "/predict"} <= {route.path for route in app.routes}
