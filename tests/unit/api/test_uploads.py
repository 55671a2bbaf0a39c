import base64
import itertools
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.errors import InvalidRequest, PayloadTooLarge
from api.settings import Settings
from api.tasks.digits import Digits
from api.tasks.digits.schemas import PredictMnistRequest
from api.tasks.schemas import schemas_of
from api.tasks.uploads import from_base64, json_body, multipart_files
from tests.support.fuzzing import examples

PredictRequest, BatchRequest, _, _ = schemas_of(Digits(Settings()))


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
    with pytest.raises(ValueError, match=r".+"):
        from_base64(text)


class Request:
    """As much of a request as reading its body takes."""

    def __init__(self, body: bytes, content_type: str = "application/json", piece_bytes: int = 65536) -> None:
        self._body, self._piece_bytes = body, piece_bytes
        self.headers = Headers({"content-type": content_type})

    async def receive(self) -> dict[str, Any]:
        piece, self._body = self._body[: self._piece_bytes], self._body[self._piece_bytes :]
        return {"type": "http.request", "body": piece, "more_body": bool(self._body)}

    async def stream(self):
        for start in range(0, len(self._body), self._piece_bytes):
            yield self._body[start : start + self._piece_bytes]
        yield b""


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


FORM = "multipart/form-data; boundary=b"
FILE = b'Content-Disposition: form-data; name="image"; filename="a.png"'


def part(head: bytes = FILE, data: bytes = b"x") -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


END = b"--b--\r\n"


async def test_a_large_file_of_a_form_is_never_put_on_disk(monkeypatch):
    def no_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", no_disk)
    data = bytes(3 * 2**20)
    assert await multipart_files(Request(part(data=data) + END, FORM), "image", 1) == [data]


@pytest.mark.parametrize(
    "charset", ["undefined", "punycode", "idna", "zlib", "hex", "utf-7", "utf-16", "mbcs", "../../x", "a" * 5000, "é"]
)
async def test_whatever_charset_a_form_names_is_no_bug(charset):
    head = b'Content-Disposition: form-data; name="a-\xff' + b"a" * 80 + b'"; filename="\\uZZ"'
    try:
        assert await multipart_files(Request(part(head) + END, f"{FORM}; charset={charset}"), "image", 1) == [b"x"]
    except InvalidRequest as refusal:
        assert "charset" in refusal.message


HEADS = st.sampled_from([FILE, b"Content-Disposition: form-data", b'Content-Disposition: form-data; name="a"', b"A: b"])
CODECS = st.sampled_from(["", "; charset=undefined", "; charset=punycode", "; charset=utf-16", "; x*=idna''%ff"])


@given(
    st.lists(
        st.one_of(st.binary(max_size=20), st.builds(part, HEADS, st.binary(max_size=20)), st.just(END)), max_size=6
    ),
    st.one_of(
        st.just(FORM), st.text(st.characters(max_codepoint=255), max_size=30).map("multipart/form-data; ".__add__)
    ),
    CODECS,
    st.integers(1, 50),
)
@examples(300)
async def test_any_form_is_read_or_refused(pieces, content_type, codec, piece_bytes):
    try:
        images = await multipart_files(Request(b"".join(pieces), content_type + codec, piece_bytes), "image", 2)
    except (InvalidRequest, PayloadTooLarge) as refusal:
        assert len(refusal.message) < 400
        return
    assert 1 <= len(images) <= 2


NAMES = st.sampled_from(["image", "images", "height", "width", "x"])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
SCHEMAS = st.sampled_from([PredictRequest, BatchRequest, PredictMnistRequest])


@given(VALUES, SCHEMAS, st.integers(0, 60), st.binary(max_size=3))
@examples(300)
async def test_any_json_is_read_or_refused(value, schema, at, noise):
    body = json.dumps(value).encode()
    for data in (body, body[:at], body[:at] + noise + body[at:]):
        try:
            await json_body(Request(data), schema)
        except InvalidRequest as refusal:
            assert len(refusal.message) < 400
