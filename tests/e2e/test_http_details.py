"""HTTP's small print against the real server: HEAD over raw sockets, packed bodies, redirects behind a TLS proxy."""

import base64
import gzip
import json
import zlib
from urllib.parse import urljoin

import pytest

from tests.support.images import png
from tests.support.raw_http import Raw, request

PATHS = (
    "/", "/page/page.js", "/models", "/models/page.js", "/docs", "/docs/swagger-ui.css", "/openapi.json",
    "/health/live", "/health/ready", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats",
    "/v2/models/mnist_cnn", "/v2/models/mnist_cnn/ready", "/v2/models/mnist_cnn/config", "/v2/models/mnist_cnn/stats",
    "/v2/models/mnist_cnn/versions/1", "/v2/models/mnist_cnn/versions/1/ready",
)  # fmt: skip
# Their answers change from one request to the next.
CHANGING = ("/metrics", "/stats")


def test_head_has_the_headers_of_get_and_no_body_so_that_the_connection_stays_usable(api):
    with Raw(api.port) as connection:
        for path in (*PATHS, "/nowhere", "/predict"):
            connection.send(request("HEAD", path) + request("GET", path))
            asked, got = connection.read("HEAD"), connection.read("GET")
            assert asked is not None
            assert got is not None
            assert asked.status == got.status == {"/nowhere": 404, "/predict": 405}.get(path, 200), path
            if not path.endswith(CHANGING) and path in PATHS:
                assert int(asked.headers["content-length"]) == len(got.body) > 0, path
                left_out = {"x-request-id", "date"}
                assert {k: v for k, v in asked.headers.items() if k not in left_out} == {
                    k: v for k, v in got.headers.items() if k not in left_out
                }, path
        connection.send(request("HEAD", "/v2", connection="close"))
        assert connection.read("HEAD") is not None
        assert connection.read() is None, "not a byte of a body before the end"


@pytest.fixture(scope="module")
def digit(images):
    return png(images.images_u8[0, 0].numpy())


@pytest.mark.parametrize("coding,pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("chunked", [False, True])
def test_packed_bodies_are_read(client, digit, coding, pack, chunked):
    image = digit
    text = base64.b64encode(image).decode()
    expected = client.post("/predict", json={"image": text}).json()
    form = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + image + b"\r\n--b--\r\n"
    for body, media_type in (
        (json.dumps({"image": text}).encode(), "application/json"),
        (json.dumps({"image": f" DATA:image/png;base64,{text}"}).encode("utf-16"), "application/json"),
        (image, "image/png"),
        (form, "multipart/form-data; boundary=b"),
    ):
        packed = pack(body)
        content = (packed[i : i + 100] for i in range(0, len(packed), 100)) if chunked else packed
        answer = client.post(
            "/predict", content=content, headers={"content-type": media_type, "content-encoding": coding}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["prediction"] == expected["prediction"]


def test_bad_packed_bodies_are_refused_on_a_connection_that_goes_on(client):
    headers = {"content-type": "image/png", "content-encoding": "gzip"}
    bomb = gzip.compress(bytes(200 * 2**20))
    for body, more, status in (
        (b"no gzip", {}, 400),
        (bomb, {}, 413),
        (b"", {"content-encoding": "br"}, 415),
        (b"x", {"content-encoding": "zstd"}, 415),
    ):
        assert client.post("/predict", content=body, headers=headers | more).status_code == status
    assert client.get("/health/live").status_code == 200


def test_a_redirect_keeps_scheme_host_and_prefix_of_a_proxy(client, digit):
    answer = client.post("/predict/?include=input", content=digit, headers={"content-type": "image/png"})
    assert answer.status_code == 307
    outside = "https://example.com/digits/predict/?include=input"
    assert urljoin(outside, answer.headers["location"]) == "https://example.com/digits/predict?include=input"
    followed = client.post(
        "/predict/?include=input", content=digit, headers={"content-type": "image/png"}, follow_redirects=True
    )
    assert followed.status_code == 200
    assert "input" in followed.json()
