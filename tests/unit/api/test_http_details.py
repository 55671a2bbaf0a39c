"""What clients may expect of HTTP: HEAD, packed bodies, encodings of JSON, forms, redirects, hints."""

import base64
import gzip
import json
import zlib
from functools import partial
from urllib.parse import urljoin

import httpx
import pytest

from api.app import create_app
from api.errors import is_protocol
from api.settings import Settings
from tests.unit.api.fakes import as_base64, encoded, marked
from tests.unit.api.test_routes import assert_error
from tests.unit.api.toy_task import Weigh

PATHS = {
    "/docs/{name}": "/docs/swagger-ui.css",
    "{model}": "mnist_cnn",
    "{version}": "7",
    "{job_id}": "0" * 32,
    "{name}": "page.js",
}
PNG = encoded(marked(4))
JSON = {"content-type": "application/json"}
PACK = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "DEFLATE": zlib.compress}


def get_paths() -> list[str]:
    paths = {route.path for route in create_app(Settings()).routes if "GET" in route.methods}
    assert len(paths) > 20
    for name, value in PATHS.items():
        paths = {path.replace(name, value) for path in paths}
    return sorted(paths)


async def test_head_answers_what_get_answers(client):
    for path in get_paths():
        got, asked = await client.get(path), await client.head(path)
        assert asked.status_code == got.status_code, path
        left_out = {"x-request-id"} | ({"content-length"} if path == "/metrics" else set())
        assert {n: v for n, v in asked.headers.items() if n not in left_out} == {
            n: v for n, v in got.headers.items() if n not in left_out
        }, path
        assert int(asked.headers["content-length"]) > 0, path
        assert asked.status_code == (501 if path.startswith("/jobs") else 422 if path == "/predict-mnist" else 200), (
            path
        )


async def test_a_route_names_head_among_its_methods_and_openapi_does_not_list_it(client):
    for path in get_paths():
        allowed = (await client.put(path)).headers["allow"].split(", ")
        assert {"GET", "HEAD"} <= set(allowed), path
    described = (await client.get("/openapi.json")).json()["paths"]
    assert {method for operations in described.values() for method in operations} == {"get", "post", "delete"}
    assert (await client.head("/predict")).status_code == 405


REQUESTS = {
    "/predict": [
        (json.dumps({"image": as_base64(PNG)}).encode(), "application/json"),
        (PNG, "image/png"),
        (b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + PNG + b"\r\n--b--\r\n",
         "multipart/form-data; boundary=b"),
    ],
    "/predict/batch": [(json.dumps({"images": [as_base64(PNG)]}).encode(), "application/json")],
    "/predict-mnist": [(json.dumps({"image": as_base64(PNG)}).encode(), "application/json")],
}  # fmt: skip
CASES = [(path, body, media_type) for path, sent in REQUESTS.items() for body, media_type in sent]


def digit_of(answer) -> int:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["predictions"][0]["prediction"] if "predictions" in body else body["prediction"]


@pytest.mark.parametrize("path,body,media_type", CASES)
@pytest.mark.parametrize("coding", sorted(PACK))
async def test_packed_bodies_are_read(client, path, body, media_type, coding):
    headers = {"content-type": media_type, "content-encoding": coding}
    assert digit_of(await client.post(path, content=PACK[coding](body), headers=headers)) == 4


@pytest.mark.parametrize("path,body,media_type", CASES)
async def test_of_packed_bodies_unknown_codings_damage_and_size_are_refused(client, path, body, media_type):
    post = partial(client.post, path)

    def headers(coding: str) -> dict[str, str]:
        return {"content-type": media_type, "content-encoding": coding}

    message = assert_error(await post(content=body, headers=headers("br")), 415, "unsupported_media_type")
    assert "gzip, deflate or identity" in message
    for damaged in (body, gzip.compress(body)[:-1], gzip.compress(body) + b"x", b""):
        assert_error(await post(content=damaged, headers=headers("gzip")), 400, "bad_request")
    bomb = gzip.compress(bytes(Settings().max_body_bytes + 1))
    assert len(bomb) < 2**15
    message = assert_error(await post(content=bomb, headers=headers("gzip")), 413, "payload_too_large")
    assert str(Settings().max_body_bytes) in message
    assert digit_of(await post(content=body, headers=headers("identity"))) == 4


async def test_a_415_of_a_coding_names_those_that_are_read(client):
    answer = await client.post("/predict", content=PNG, headers={"content-type": "image/png", "content-encoding": "br"})
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    assert "accept-encoding" not in (await client.post("/predict", content=PNG)).headers


async def test_unpacked_bodies_count_against_all_bodies_in_memory(open_client):
    settings = Settings(max_body_bytes=2**20, v2_max_body_bytes=2**20, max_held_bytes=2**20)
    async with open_client(settings) as client:
        headers = JSON | {"content-encoding": "gzip"}
        answer = await client.post("/predict", content=gzip.compress(bytes(2**20)), headers=headers)
        assert_error(answer, 503, "overloaded")
        answer = await client.post("/predict", content=gzip.compress(bytes(2**19)), headers=headers)
        assert_error(answer, 422, "invalid_request")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
async def test_json_in_any_encoding_of_unicode_is_read(client, encoding):
    image = as_base64(PNG)
    for path, content in (
        ("/predict", {"image": image}),
        ("/predict/batch", {"images": [image]}),
        ("/predict-mnist", {"image": image}),
    ):
        assert digit_of(await client.post(path, content=json.dumps(content).encode(encoding), headers=JSON)) == 4
    tensor = {"name": "INPUT__0", "datatype": "UINT8", "shape": [1, 1, 28, 28], "data": marked(4).reshape(-1).tolist()}
    body = json.dumps({"inputs": [tensor]}).encode(encoding)
    answer = await client.post("/v2/models/mnist_cnn/infer", content=body)
    scores = answer.json()["outputs"][0]["data"]
    assert scores.index(max(scores)) == 4


@pytest.mark.parametrize("start", ["DATA:image/png;base64,", "\n  data:image/png;base64,", "\tData:;base64,", " "])
async def test_data_urls_are_read_as_people_write_them(client, start):
    assert digit_of(await client.post("/predict", json={"image": start + as_base64(PNG)})) == 4


@pytest.mark.parametrize("head", ['name="image"', 'name="images"', 'name="x"\r\nContent-Type: image/png'])
async def test_a_part_of_a_form_needs_no_file_name(client, head):
    url = b"data:image/png;base64," + base64.b64encode(PNG)
    for data in (PNG, url) if head == 'name="image"' else (PNG,):
        part = b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n--b"
        headers = {"content-type": "multipart/form-data; boundary=b"}
        for path, ends in (("/predict", [b"--\r\n"]), ("/predict/batch", [b"\r\n" + part[5:] + b"--\r\n"])):
            assert digit_of(await client.post(path, content=part + ends[0], headers=headers)) == 4


@pytest.mark.parametrize(
    "path,content",
    [
        ("/predict", {"image": marked(4).tolist()}),
        ("/predict", {"image": marked(4).reshape(-1).tolist()}),
        ("/predict", {"instances": [marked(4).tolist()]}),
        ("/predict", {"inputs": [{"name": "INPUT__0"}]}),
        ("/predict", marked(4).tolist()),
        ("/predict/batch", {"images": [marked(4).tolist()]}),
        ("/predict/batch", {"instances": [marked(4).tolist()]}),
        ("/predict-mnist", {"image": marked(4).tolist()}),
    ],
)
async def test_pixels_and_bodies_of_other_servers_get_the_right_way_in_the_error(client, path, content):
    message = assert_error(await client.post(path, json=content), 422, "invalid_request")
    assert "in base64" in message
    assert "POST /v2/models/mnist_cnn/infer" in message
    if path == "/predict":
        assert '{"image": "…"}' in message


@pytest.mark.parametrize(
    "method,path,location",
    [
        ("POST", "/predict/", "../predict"),
        ("POST", "/predict/?include=input&x=%2F", "../predict?include=input&x=%2F"),
        ("POST", "/predict/batch/", "../batch"),
        ("GET", "/docs/", "../docs"),
        ("HEAD", "/health/live/", "../live"),
        ("GET", "/v2/models/mnist%5Fcnn/", "../mnist%5Fcnn"),
        ("DELETE", "/v2/models/mnist_cnn/infer/", "../infer"),
    ],
)
async def test_a_redirect_names_neither_scheme_nor_host_nor_prefix(client, method, path, location):
    answer = await client.request(method, path, headers={"host": "inside:8888"})
    assert answer.status_code == 307
    assert answer.headers["location"] == location
    outside = f"https://example.com/prefix{path}"
    assert urljoin(outside, location) == outside.replace("/?", "?").removesuffix("/")


@pytest.mark.parametrize(
    "path", ["/nowhere/", "//", "/docs//", "/models/a%2F", "/models/a%2F/", "/v2/models/a%2Fb/", "//a.com/"]
)
async def test_what_has_no_route_without_its_slash_either_is_not_redirected(client, path):
    answer = await client.request("POST", path)
    assert answer.status_code in (404, 405)
    assert "location" not in answer.headers
    assert is_protocol(path) or answer.json()["error"]["code"] in ("not_found", "method_not_allowed")


async def test_a_task_with_another_noun_has_its_own_hint(settings, backend):
    app = create_app(settings, client=backend, tasks=[Weigh(settings)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        message = assert_error(await client.post("/weigh/batch", json={"lists": [[1, 2]]}), 422, "invalid_request")
        assert message.endswith(
            'Send the list files in base64, {"lists": ["…"]}; tensors go to POST /v2/models/scales/infer.'
        )


async def test_a_405_names_the_methods_of_all_routes_of_its_path(client):
    answer = await client.put("/jobs/" + "0" * 32)
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD"
