import base64
import contextlib
import gc
import itertools
import json
import tracemalloc
import weakref
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.errors import InvalidRequest, PayloadTooLarge
from api.settings import Settings
from api.tasks.digits import Digits
from api.tasks.digits.schemas import PredictMnistRequest
from api.tasks.forms import Form
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
        f"DATA:image/PNG;BASE64,{standard}",
        f" \n\t Data:;base64,{wrapped}",
        f"data:image/png;base64,{quote(standard)}",
        f"\u00a0{standard}\n",
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
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf{",
        b"\xff\xfe{",
        b"\xff\xfe",
        b"\xff\xfe\0\0{",
        b"{\0",
        b"\0{",
        b"{\0\0\0\xff\xff\xff\xff",
        b"\0\0",
        '{"image": "AAAA"'.encode("utf-16"),
        '{"image": "\ud800"}'.encode("utf-16-le", "surrogatepass"),
        b"null",
        b"\0",
    ],
)
async def test_what_is_no_json_or_no_number_is_refused(body):
    with pytest.raises(InvalidRequest):
        await json_body(Request(body), PredictMnistRequest)


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", ['{"image": "QUJD", "ü€😀": 1}', ' \n{"image":"QUJD"}'])
@pytest.mark.parametrize("byte_order_mark", ["", "\ufeff"])
async def test_json_in_any_encoding_of_unicode_is_read(encoding, text, byte_order_mark):
    if encoding in ("utf-8-sig", "utf-16", "utf-32"):  # these write a mark themselves
        byte_order_mark = ""
    read = await json_body(Request((byte_order_mark + text).encode(encoding)), PredictMnistRequest)
    assert read.image == "QUJD"


HINT = "Send the image file in base64."


@pytest.mark.parametrize(
    "content,schema",
    [
        ({"image": [[0, 255], [1, 2]]}, PredictRequest),
        ({"image": [0.5, 1.0]}, PredictRequest),
        ({"image": 5}, PredictRequest),
        ({"image": {"b64": "AAAA"}}, PredictRequest),
        ({"instances": [[0] * 784]}, PredictRequest),
        ({"instances": [{"b64": "AAAA"}], "signature_name": "x"}, PredictRequest),
        ({"inputs": [{"name": "INPUT__0", "datatype": "UINT8", "shape": [1], "data": [0]}]}, PredictRequest),
        ({"inputs": "AAAA", "image": "AAAA"}, PredictRequest),
        ([[0, 1], [2, 3]], PredictRequest),
        ({"images": [[[0, 1]], [[2, 3]]]}, BatchRequest),
        ({"images": [0, 1]}, BatchRequest),
        ({"images": "AAAA"}, BatchRequest),
        ({"instances": []}, BatchRequest),
        ({"image": [0] * 784}, PredictMnistRequest),
        ({"instances": [0]}, PredictMnistRequest),
    ],
)
async def test_numbers_and_bodies_of_other_servers_get_a_hint(content, schema):
    with pytest.raises(InvalidRequest) as refused:
        await json_body(Request(json.dumps(content).encode()), schema, HINT)
    assert refused.value.message.endswith(f". {HINT}")


@pytest.mark.parametrize("content", [{}, {"picture": "AAAA"}, {"image": ""}, {"image": "AAAA", "width": 3}, 5, "AAAA"])
async def test_other_faults_get_none(content):
    with pytest.raises(InvalidRequest) as refused:
        await json_body(Request(json.dumps(content).encode()), PredictRequest, HINT)
    assert HINT not in refused.value.message


async def test_of_a_field_that_comes_twice_the_last_counts():
    read = await json_body(Request(b'{"image": 1, "image": "first", "image": "second"}'), PredictRequest)
    assert read.image == "second"


FORM = "multipart/form-data; boundary=b"
FILE = b'Content-Disposition: form-data; name="image"; filename="a.png"'


def part(head: bytes = FILE, data: bytes = b"x") -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


END = b"--b--\r\n"


def field(name: str, *more: str) -> bytes:
    return "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *more]).encode()


BYTES = bytes(range(256)) * 3
URL = b"data:image/png;base64," + base64.b64encode(BYTES)


@pytest.mark.parametrize(
    "parts,expected",
    [
        ([part(field("image"), BYTES)], [BYTES]),
        ([part(field("images"), BYTES), part(field("images[]"), b"b")], [BYTES, b"b"]),
        ([part(field("x", "Content-Type: image/png"), BYTES)], [BYTES]),
        ([part(field("x", "content-type: application/octet-stream"), b"\r\n--a\r\n")], [b"\r\n--a\r\n"]),
        ([part(field("image", "Content-Type: text/plain; charset=utf-8"), BYTES)], [BYTES]),
        ([part(field("user"), b"me"), part(FILE, BYTES)], [BYTES]),
        ([part(field("user", "Content-Type: text/plain"), b"me"), part(field("image"), b"a")], [b"a"]),
        ([part(field("image"), URL)], [BYTES]),
        ([part(field("image"), b"\n" + URL.replace(b"data:image", b"DATA:IMAGE"))], [BYTES]),
        ([part(FILE, URL)], [URL]),
        ([part(field("image"), base64.b64encode(BYTES))], [base64.b64encode(BYTES)]),
    ],
)
@pytest.mark.parametrize("piece_bytes", [7, 65536])
async def test_a_part_is_a_file_by_its_file_name_its_type_or_its_field(monkeypatch, parts, expected, piece_bytes):
    monkeypatch.setattr("api.tasks.forms._PIECE_BYTES", piece_bytes)
    assert await multipart_files(Request(b"".join(parts) + END, FORM, piece_bytes), "image", 2) == expected


@pytest.mark.parametrize(
    "body,content_type",
    [
        (part(field("user"), b"me") + END, FORM),
        (part(field("image"), b"data:image/png;base64,!") + END, FORM),
        (part(field("image"), b"data:image/png") + END, FORM.replace("boundary", "border")),
        (part(b"Content-Type: image/png") + END, FORM),
        (part(), FORM),
        (part(field("user"), b"me") * 40 + END, FORM),
        (part() + END, "multipart/form-data; boundary=" + "b" * 5000),
    ],
)
async def test_a_form_without_a_file_or_an_end_is_refused(body, content_type):
    with pytest.raises(InvalidRequest):
        await multipart_files(Request(body, content_type), "image", 2)


async def test_more_files_than_are_taken_are_too_many():
    with pytest.raises(PayloadTooLarge, match="At most 2 image"):
        await multipart_files(Request(part() * 3 + END, FORM), "image", 2)


async def test_a_large_file_of_a_form_is_never_put_on_disk(monkeypatch):
    def no_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", no_disk)
    data = bytes(3 * 2**20)
    assert await multipart_files(Request(part(data=data) + END, FORM), "image", 1) == [data]


@pytest.mark.parametrize("charset", ["undefined", "punycode", "utf-7", "utf-16", "../../x", "a" * 5000, "é"])
async def test_whatever_charset_a_form_names_is_no_bug(charset):
    head = b'Content-Disposition: form-data; name="a-\xff' + b"a" * 80 + b'"; filename="\\uZZ"'
    assert await multipart_files(Request(part(head) + END, f"{FORM}; charset={charset}"), "image", 1) == [b"x"]


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


@pytest.mark.parametrize("end", [b"\r\n--b--\r\n", b"\r\n--b-"], ids=["whole", "malformed"])
async def test_a_form_is_freed_at_once_and_not_when_cycles_are_looked_for(end):
    gc.disable()
    try:
        form = Form("multipart/form-data; boundary=b", frozenset({"image"}), 1, 1)
        head = b'--b\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n'
        with contextlib.suppress(InvalidRequest):
            await form.parse(head + b"x" * 1000 + end)
        watched = weakref.ref(form)
        del form
        assert watched() is None
    finally:
        gc.enable()
