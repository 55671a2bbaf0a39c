"""The HTTP contract, with a fake in Triton's place."""

import asyncio
import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from api.errors import DeadlineExceeded, ModelNotReady, Unavailable, UpstreamError
from api.settings import Settings
from tests.unit.api.fakes import as_base64, encoded, marked


def assert_error(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(response.json()) == {"error"}
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == response.headers["x-request-id"]
    return error["message"]


async def test_json_image_and_form_give_the_same_answer(client):
    data = encoded(marked(4))
    answers = [
        await client.post("/predict", json={"image": as_base64(data)}),
        await client.post("/predict", content=data, headers={"content-type": "image/png"}),
        await client.post("/predict", files={"image": ("digit.png", data, "image/png")}),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["prediction"] == 4
        assert body["model_version"] == "7"
        assert len(body["probabilities"]) == 10
        assert sum(body["probabilities"]) == pytest.approx(1)


async def test_a_batch_comes_back_in_order(client):
    order = [3, 1, 4, 1, 5, 9, 2, 6]
    files = [encoded(marked(digit)) for digit in order]
    by_json = await client.post("/predict/batch", json={"images": [as_base64(file) for file in files]})
    by_form = await client.post("/predict/batch", files=[("images", (f"{i}.png", f)) for i, f in enumerate(files)])
    for answer in (by_json, by_form):
        assert [p["prediction"] for p in answer.json()["predictions"]] == order


async def test_the_image_that_the_model_was_given_comes_back_where_it_is_asked_for(client, backend):
    drawn = np.full((90, 60), 255, np.uint8)
    drawn[20:70, 25:33] = 0  # dark on light: cropped, scaled, centred and inverted before the model sees it
    data = encoded(drawn)
    plain = await client.post("/predict", json={"image": as_base64(data)})
    assert "input" not in plain.json()
    shown = await client.post("/predict?include=input", json={"image": as_base64(data)})
    assert shown.json() == plain.json() | {"input": shown.json()["input"]}
    head, _, body = shown.json()["input"].partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), backend.batches[-1][0, 0])
    # Sent back, it is what the model sees again.
    again = await client.post("/predict", json={"image": shown.json()["input"]})
    assert again.json() == plain.json()
    assert np.array_equal(backend.batches[-1], backend.batches[-2])


async def test_the_clean_ups_steps_come_back_where_they_are_asked_for(client):
    drawn = np.full((90, 60), 255, np.uint8)
    drawn[20:70, 25:33] = 0
    data = encoded(drawn)
    plain = (await client.post("/predict", json={"image": as_base64(data)})).json()
    assert "steps" not in plain
    for sent in (
        {"json": {"image": as_base64(data)}},
        {"content": data, "headers": {"content-type": "image/png"}},
        {"files": {"image": ("digit.png", data, "image/png")}},
    ):
        shown = (await client.post("/predict?include=steps", **sent)).json()
        assert shown == plain | {"steps": shown["steps"]}
        assert [step["name"] for step in shown["steps"]] == ["found ink", "digit", "crop", "28×28"]
        pictures = [Image.open(io.BytesIO(base64.b64decode(s["image"].partition(",")[2]))) for s in shown["steps"]]
        assert pictures[0].size == pictures[1].size == (149, 224)  # 60×90 enlarged to the working size
        assert 0.1 < np.asarray(pictures[1]).mean() / 255 / (50 * 8 / (90 * 60)) < 1.5
        assert pictures[3].size == (28, 28)
    both = (await client.post("/predict?include=input&include=steps", json={"image": as_base64(data)})).json()
    assert both["input"] == both["steps"][-1]["image"]


async def test_an_image_in_mnists_form_has_one_step(client):
    sent = {"image": as_base64(encoded(marked(4)))}
    steps = (await client.post("/predict?include=steps", json=sent)).json()["steps"]
    assert [step["name"] for step in steps] == ["28×28"]


async def test_blank_paper_has_no_digit(client, backend):
    blank = encoded(np.full((100, 100), 255, np.uint8))
    response = await client.post("/predict", content=blank, headers={"content-type": "image/png"})
    assert "Nothing in the image" in assert_error(response, 422, "no_digit_found")
    response = await client.post("/predict/batch", json={"images": [as_base64(encoded(marked(4))), as_base64(blank)]})
    assert assert_error(response, 422, "no_digit_found").startswith("images[1]: ")
    assert not backend.batches


async def test_a_confident_answer_has_no_warning_and_two_digits_have_one(client):
    one = np.full((100, 200), 255, np.uint8)
    one[20:80, 40:52] = 0
    two = one.copy()
    two[20:80, 140:152] = 0
    answers = [(await client.post("/predict", json={"image": as_base64(encoded(each))})).json() for each in (one, two)]
    assert [answer["confidence"] for answer in answers] == [pytest.approx(1, abs=2e-3)] * 2
    assert answers[0]["warning"] is None
    assert answers[1]["warning"]["code"] == "several_digits"
    sent = {"images": [as_base64(encoded(two)), as_base64(encoded(one))]}
    batch = (await client.post("/predict/batch", json=sent)).json()["predictions"]
    assert [answer["warning"] and answer["warning"]["code"] for answer in batch] == ["several_digits", None]


async def test_an_unknown_thing_to_include_is_refused(client, backend):
    data = encoded(marked(1))
    response = await client.post(
        "/predict?include=input&include=all", content=data, headers={"content-type": "image/png"}
    )
    assert "'input'" in assert_error(response, 422, "invalid_request")
    assert not backend.batches
    # Parameters that mean nothing here are no error, as they never were.
    assert (await client.post("/predict?v=2", json={"image": as_base64(data)})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("typed", [True, False])
async def test_older_clients_send_raw_pixels_or_a_file(client, method, typed):
    image = marked(6)
    for data, urlsafe in ((image.tobytes(), False), (image.tobytes(), True), (encoded(image), False)):
        text = as_base64(data)
        text = text.replace("+", "-").replace("/", "_") if urlsafe else text
        response = await client.request(
            method,
            "/predict-mnist",
            content=json.dumps({"image": text, "height": 28, "width": 28}),
            headers={"content-type": "application/json"} if typed else {},
        )
        assert response.status_code == 200, response.text
        assert response.json() == {"prediction": 6}


async def test_raw_pixels_that_begin_like_a_bitmap_are_pixels(client):
    image = marked(0)
    image[0, :2] = [ord("B"), ord("M")]
    response = await client.post("/predict-mnist", json={"image": as_base64(image.tobytes())})
    assert response.json() == {"prediction": 5}  # no longer in MNIST's form, its strokes become 255: 5 for the fake


async def test_raw_rgb_pixels_are_read(client):
    image = np.repeat(marked(7)[:, :, None], 3, axis=2)
    response = await client.post("/predict-mnist", json={"image": as_base64(image.tobytes())})
    assert response.json() == {"prediction": 7}


@pytest.mark.parametrize(
    "path,kwargs,status,code",
    [
        ("/predict", {"content": b"{", "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("/predict", {"content": b"", "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("/predict", {"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("/predict", {"content": b"[" * 5000, "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("/predict", {"json": []}, 422, "invalid_request"),
        ("/predict", {"json": {}}, 422, "invalid_request"),
        ("/predict", {"json": {"image": 3}}, 422, "invalid_request"),
        ("/predict", {"json": {"image": None}}, 422, "invalid_request"),
        ("/predict", {"json": {"image": "AAAA", "extra": 1}}, 422, "invalid_request"),
        ("/predict", {"json": {"image": "no base64!"}}, 422, "invalid_image"),
        ("/predict", {"json": {"image": "AAAA"}}, 422, "invalid_image"),
        ("/predict", {"content": b"", "headers": {"content-type": "image/png"}}, 422, "invalid_image"),
        ("/predict", {"content": b"GIF89a", "headers": {"content-type": "image/gif"}}, 422, "invalid_image"),
        ("/predict", {"content": b"x"}, 415, "unsupported_media_type"),
        ("/predict", {"data": {"image": "x"}}, 415, "unsupported_media_type"),
        ("/predict", {"files": {"a": b"1", "b": b"2"}}, 413, "payload_too_large"),
        ("/predict", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "invalid_request"),
        ("/predict/batch", {"json": {"images": []}}, 422, "invalid_request"),
        ("/predict/batch", {"json": {"images": ["AAAA"] * 129}}, 413, "payload_too_large"),
        ("/predict/batch", {"content": b"x", "headers": {"content-type": "image/png"}}, 415, "unsupported_media_type"),
        ("/predict-mnist", {"json": {"image": "AAAA", "height": 28, "width": 28}}, 422, "invalid_image"),
        ("/predict-mnist", {"json": {"image": "AAAA", "height": 0}}, 422, "invalid_request"),
        ("/predict-mnist", {"json": {"image": "AAAA", "height": -3}}, 422, "invalid_request"),
        ("/predict-mnist", {"json": {"image": "AAAA", "width": 10**9}}, 422, "invalid_request"),
        ("/nowhere", {}, 404, "not_found"),
        ("/health/live", {}, 405, "method_not_allowed"),
    ],
)
async def test_wrong_input_gets_its_error(client, backend, path, kwargs, status, code):
    assert_error(await client.post(path, **kwargs), status, code)
    assert not backend.batches


@pytest.mark.parametrize("host", ["[", "a b", "[::1", "%", "x" * 5000, "a:b:c", "@"])
async def test_a_host_that_is_none_is_no_bug(client, host):
    assert_error(await client.get("/nowhere", headers={"host": host}), 404, "not_found")
    assert_error(await client.put("/health/live", headers={"host": host}), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path,allowed", [("/predict", "POST"), ("/predict-mnist", "GET, HEAD, POST"), ("/metrics", "GET, HEAD")]
)
async def test_a_method_that_isn_t_taken_is_told_which_are(client, path, allowed):
    response = await client.delete(path)
    assert_error(response, 405, "method_not_allowed")
    assert ", ".join(sorted(response.headers["allow"].split(", "))) == allowed


async def test_a_long_path_isn_t_sent_back(client):
    message = assert_error(await client.get("/" + "x" * 10_000), 404, "not_found")
    assert len(message) < 200


async def test_the_bad_image_of_a_batch_is_named(client):
    good = as_base64(encoded(marked(1)))
    message = assert_error(
        await client.post("/predict/batch", json={"images": [good, good, "AAAA"]}), 422, "invalid_image"
    )
    assert message.startswith("images[2]:")


@pytest.mark.parametrize(
    "error,status,code",
    [
        (Unavailable("away", retry_after_s=1), 503, "triton_unavailable"),
        (ModelNotReady("loading", retry_after_s=1), 503, "model_not_ready"),
        (DeadlineExceeded("late"), 504, "deadline_exceeded"),
        (UpstreamError("odd"), 502, "upstream_error"),
    ],
)
async def test_what_fails_upstream_says_so(client, backend, error, status, code):
    backend.error = error
    response = await client.post("/predict", json={"image": as_base64(encoded(marked(1)))})
    assert_error(response, status, code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert_error(await client.get("/health/ready"), status, code)
    assert (await client.get("/health/live")).status_code == 200


async def test_ready_names_the_version_that_answers(client):
    assert (await client.get("/health/ready")).json() == {
        "status": "ready",
        "model": "mnist_cnn",
        "model_version": "7",
        "models": {"mnist_cnn": "7"},
    }


async def test_a_bug_tells_nothing_of_the_inside(client, backend):
    backend.error = RuntimeError("secret detail")  # type: ignore[assignment]
    response = await client.post("/predict", json={"image": as_base64(encoded(marked(1)))})
    assert "secret" not in assert_error(response, 500, "internal_error")


async def test_a_request_id_comes_back_if_it_is_sound(client):
    response = await client.get("/health/live", headers={"x-request-id": "abc-123"})
    assert response.headers["x-request-id"] == "abc-123"
    response = await client.get("/health/live", headers={"x-request-id": "a\tb" * 3})
    assert response.headers["x-request-id"] != "a\tb" * 3


async def test_metrics_count_by_route(client):
    await client.get("/health/live")
    await client.get("/etc/passwd")
    text = (await client.get("/metrics")).text
    assert 'api_requests_total{method="GET",route="/health/live",status="200"}' in text
    assert 'route="unmatched"' in text
    assert "passwd" not in text


async def test_a_body_over_the_ceiling_is_refused_with_and_without_its_length(open_client):
    async def chunks():
        for _ in range(100):
            yield b"x" * 1024

    async with open_client(Settings(max_body_bytes=2048)) as client:
        headers = {"content-type": "image/png"}
        assert_error(await client.post("/predict", content=b"x" * 4096, headers=headers), 413, "payload_too_large")
        assert_error(await client.post("/predict", content=chunks(), headers=headers), 413, "payload_too_large")


async def test_keys_are_asked_for_where_they_are_set(open_client, tmp_path):
    file = tmp_path / "keys"
    file.write_text("third\n")
    body = {"image": as_base64(encoded(marked(1)))}
    async with open_client(Settings(keys="first, second", keys_file=file)) as client:
        assert_error(await client.post("/predict", json=body), 401, "unauthorized")
        assert_error(await client.post("/predict", json=body, headers={"x-api-key": "wrong"}), 401, "unauthorized")
        for headers in ({"x-api-key": "second"}, {"x-api-key": "third"}, {"authorization": "Bearer first"}):
            assert (await client.post("/predict", json=body, headers=headers)).status_code == 200
        assert (await client.get("/health/live")).status_code == 200


async def test_beyond_its_limit_it_refuses_at_once(open_client, backend):
    async with open_client(Settings(max_in_flight=1)) as client:
        backend.gate.clear()
        body = {"image": as_base64(encoded(marked(1)))}
        first = asyncio.create_task(client.post("/predict", json=body))
        await asyncio.sleep(0.05)
        refused = await client.post("/predict", json=body)
        assert_error(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        backend.gate.set()
        assert (await first).status_code == 200


async def test_a_worker_that_leaves_serves_on_and_sends_its_clients_away(client, backend):
    drain = client._transport.app.state.drain
    body = {"image": as_base64(encoded(marked(4)))}
    assert "connection" not in (await client.post("/predict", json=body)).headers
    drain.begin(lambda: True)
    for response in (await client.post("/predict", json=body), await client.get("/nowhere")):
        assert response.headers["connection"] == "close"
        assert response.status_code in (200, 404)
    assert_error(await client.get("/health/ready"), 503, "draining")
    assert (await client.get("/health/live")).status_code == 200
