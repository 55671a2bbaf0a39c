import base64
import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidImage, InvalidRequest
from api.routes.uploads import from_base64, json_body
from api.schemas import BatchRequest, PredictMnistRequest, PredictRequest


@given(st.binary(min_size=1, max_size=200))
def test_every_spelling_of_base64_is_read(data):
    standard = base64.b64encode(data).decode()
    wrapped = base64.encodebytes(data).decode()
    for text in (
        standard,
        standard.rstrip("="),
        wrapped,
        base64.urlsafe_b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        f"data:image/png;base64,{standard}",
    ):
        assert from_base64(text) == data


@pytest.mark.parametrize("text", ["a", "!!!!", "AAAA=A", "ünïcode", "QUJD\x00", "===="])
def test_what_is_no_base64_is_refused(text):
    if text == "====":
        assert from_base64(text) == b""
        return
    with pytest.raises(InvalidImage, match="base64"):
        from_base64(text)


class Request:
    """As much of a request as reading its JSON takes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def body(self) -> bytes:
        return self._body


def many(item: bytes, total_bytes: int = 2**20) -> bytes:
    return b",".join(itertools.repeat(item, total_bytes // (len(item) + 1)))


@pytest.mark.parametrize(
    "schema,body",
    [
        (BatchRequest, b'{"images":[' + many(b"1") + b"]}"),
        (BatchRequest, b'{"images":[' + many(b'""') + b"]}"),
        (BatchRequest, b'{"images":[' + many(b"[]") + b"]}"),
        (PredictRequest, b"{" + b",".join(b'"%x":0' % i for i in range(100_000)) + b"}"),
        (PredictRequest, b'{"' + b"x" * 2**20 + b'": 1, "image": "AAAA"}'),
        (PredictMnistRequest, b'{"image":"AAAA",' + b",".join(b'"%x":0' % i for i in range(100_000)) + b"}"),
        (PredictRequest, b"[" * 100_000),
        (PredictRequest, b'{"image":' * 100_000),
        (PredictMnistRequest, b'{"image":"AAAA","height":' + b"9" * 2**20 + b"}"),
    ],
)
async def test_a_body_full_of_faults_costs_little_more_than_it_weighs(schema, body):
    """Complaining of each fault took 4 GB and ten seconds for 8 MB."""
    tracemalloc.start()
    with pytest.raises(InvalidRequest) as refused:
        await json_body(Request(body), schema)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 40 * len(body)
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"image": "AAAA", "height": NaN}',
        b'{"image": "AAAA", "height": Infinity}',
        b'{"image": "AAAA", "height": 1e999}',
        b'{"image": "AAAA", "height": 28.5}',
        b'{"image": "AAAA", "height": "28\\u0000"}',
        b'{"image": "\\ud800"}',
        b'{"image": "\xff"}',
        b'{"\\ud800": 1}',
        b'{"image": "AAAA"} {}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"null",
        b"\0",
    ],
)
async def test_what_is_no_json_or_no_number_is_refused(body):
    with pytest.raises(InvalidRequest):
        await json_body(Request(body), PredictMnistRequest)


async def test_of_a_field_that_comes_twice_the_last_counts():
    read = await json_body(Request(b'{"image": 1, "image": "first", "image": "second"}'), PredictRequest)
    assert read.image == "second"
