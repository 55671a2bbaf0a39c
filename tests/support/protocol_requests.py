"""Requests of the Open Inference Protocol, and what Triton's own HTTP port answers to them."""

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import numpy as np

from api.inference.tensors import DTYPES, from_wire

HEADER = "inference-header-content-length"


class Sent(NamedTuple):
    """A request.

    Attributes:
        name: What is tried.
        path: Behind ``/v2``.
        body: Its content; JSON if it is no bytes.
        headers: Its headers.
        method: Its method.
        ours: The status of the api where it isn't Triton's, and Triton's own, 0 for any.
    """

    name: str
    path: str
    body: Any = b""
    headers: dict[str, str] = {}  # noqa: RUF012
    method: str = "POST"
    ours: tuple[int, int] | None = None

    def to(self, client: httpx.Client) -> httpx.Response:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return client.request(self.method, f"/v2{self.path}", content=content, headers=self.headers)


A = {"name": "a", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
B = {"name": "b", "datatype": "INT32", "shape": [1, 3], "data": [3, 2, 1]}
TWO = "/models/two/infer"
PLAIN = json.dumps({"inputs": [A, B]}).encode()
# What Triton calls a fault of its own (500), the api calls a malformed request.
MALFORMED = (400, 500)
# A model that isn't loaded may be so in a moment, or at another replica: the api tries again, and says when to.
AWAY = (503, 404)
# Triton wraps what is out of range, without a word.
WRAPPED = (400, 200)


def two(name: str, ours: tuple[int, int] | None = None, /, **body: Any) -> Sent:
    return Sent(name, TWO, {"inputs": [A, B]} | body, ours=ours)


def with_b(name: str, ours: tuple[int, int] | None = None, /, **fields: Any) -> Sent:
    return Sent(name, TWO, {"inputs": [A, {k: v for k, v in (B | fields).items() if v is not ...}]}, ours=ours)


def with_a(name: str, ours: tuple[int, int] | None = None, /, **fields: Any) -> Sent:
    return Sent(name, TWO, {"inputs": [A | fields, B]}, ours=ours)


def one(datatype: str, data: list[Any], ours: tuple[int, int] | None = None, **fields: Any) -> Sent:
    entry = {"name": "given", "datatype": datatype, "shape": [1, len(data)], "data": data} | fields
    return Sent(
        f"{datatype} {str(data)[:60]}", f"/models/same_{datatype.lower()}/infer", {"inputs": [entry]}, ours=ours
    )


def binary(name: str, head: Any, blob: bytes, path: str = TWO, ours: Any = None, **headers: str) -> Sent:
    start = head if isinstance(head, bytes) else json.dumps(head).encode()
    given = {HEADER: str(len(start))} | {key.replace("_", "-"): value for key, value in headers.items()}
    return Sent(name, path, start + blob, {key: value for key, value in given.items() if value}, ours=ours)


def sized(tensor: dict[str, Any], size: int) -> dict[str, Any]:
    return {key: value for key, value in tensor.items() if key != "data"} | {"parameters": {"binary_data_size": size}}


def metadata() -> Iterator[Sent]:
    for path in ("", "/health/live", "/health/ready", "/models/two", "/models/two/versions/1", "/models/two/ready",
                 "/models/two/versions/1/ready", "/models/two/config", "/models/two/versions/1/config",
                 "/models/two/stats", "/models/stats", "/models/two/versions/9", "/models/nope",
                 "/models/two/versions/01", "/models/nope/ready", "/models/two/versions/9/ready",
                 "/models/nope/config", "/models/nope/stats", "/nope", "/models/two/nope", "/models/two/infer",
                 "/models/broken/ready"):  # fmt: skip
        yield Sent(f"GET {path}", path, method="GET")
    yield Sent("GET /models/broken", "/models/broken", method="GET", ours=AWAY)
    yield Sent("GET without a model", "/models", method="GET")
    yield Sent("a version that is no number", "/models/two/versions/abc", method="GET", ours=(400, 404))
    yield Sent("POST where GET belongs", "/models/two")
    yield Sent("PUT where GET belongs", "/models/two", method="PUT")
    yield Sent("load", "/repository/models/two/load", ours=(404, 403))
    yield Sent("unload", "/repository/models/two/unload", ours=(404, 403))


def bodies() -> Iterator[Sent]:
    yield two("plain")
    yield two("id and parameters", id="x1", parameters={"foo": 1, "bar": True, "baz": "s", "qux": 1.5})
    yield two("a sequence's", id="x1", parameters={"sequence_id": 7, "sequence_start": True, "sequence_end": True})
    yield two("a sequence's name", parameters={"sequence_id": "seven"})
    yield two("priority and timeout", parameters={"priority": 3, "timeout": 100})
    yield two("reserved parameter", parameters={"triton_foo": 7})
    yield two("parameter null", parameters={"x": None})
    yield two("parameter list", parameters={"x": [1]})
    yield two("parameters are a list", MALFORMED, parameters=[1])
    yield two("id is a number", MALFORMED, id=5)
    yield two("negative priority", MALFORMED, parameters={"priority": -3})
    yield two("unknown field", unheard_of=1)
    for count in (1, 2, 9, 0):
        yield two(f"{count} classes", outputs=[{"name": "sum", "parameters": {"classification": count}}])
    yield two("classes: -1", MALFORMED, outputs=[{"name": "sum", "parameters": {"classification": -1}}])
    yield two("classes: text", MALFORMED, outputs=[{"name": "sum", "parameters": {"classification": "2"}}])
    classes = {"classification": 2, "binary_data": True}
    yield two("classes, binary", outputs=[{"name": "sum", "parameters": classes}])
    yield two("classes of one", outputs=[{"name": "difference"}, {"name": "sum", "parameters": {"classification": 2}}])
    yield two("outputs in another order", outputs=[{"name": "difference"}, {"name": "sum"}])
    yield two("one output", outputs=[{"name": "difference"}])
    yield two("output twice", outputs=[{"name": "sum"}, {"name": "sum"}])
    yield two("unknown output", outputs=[{"name": "zzz"}])
    yield two("no outputs", outputs=[])
    yield two("outputs null", (200, 500), outputs=None)
    yield two("output without a name", MALFORMED, outputs=[{}])
    yield two("outputs: text", MALFORMED, outputs="sum")
    yield two("all binary", parameters={"binary_data_output": True})
    yield two("all binary, one named", parameters={"binary_data_output": True}, outputs=[{"name": "sum"}])
    one_binary = [{"name": "sum"}, {"name": "difference", "parameters": {"binary_data": True}}]
    yield two("one of two binary", outputs=one_binary)
    but_one = [{"name": "sum", "parameters": {"binary_data": False}}]
    yield two("all binary but one", parameters={"binary_data_output": True}, outputs=but_one)
    yield two("binary_data: text", MALFORMED, outputs=[{"name": "sum", "parameters": {"binary_data": "yes"}}])
    yield two("binary_data_output: text", MALFORMED, parameters={"binary_data_output": "yes"})


def tensors() -> Iterator[Sent]:
    yield two("input missing", inputs=[A])
    yield two("input twice", inputs=[A, A, B])
    yield two("input too many", inputs=[A, B, A | {"name": "c"}])
    yield two("inputs in another order", inputs=[B, A])
    yield two("no inputs", inputs=[])
    yield two("inputs: object", MALFORMED, inputs={})
    yield Sent("no field inputs", TWO, {}, ours=MALFORMED)
    yield with_b("another datatype", datatype="INT64")
    yield with_b("unknown datatype", datatype="FOO")
    yield with_b("no datatype", MALFORMED, datatype=...)
    yield with_b("no shape", MALFORMED, shape=...)
    yield with_b("no data", data=...)
    yield with_b("another shape", shape=[1, 4], data=[1, 2, 3, 4])
    yield with_b("another rank", shape=[3])
    for shape in ([-1, 3], [-1, -3], [1.0, 3], ["1", 3], [2**62, 3], [1, 2**31]):
        yield with_b(f"shape {shape}", (400, 0), shape=shape)
    yield with_b("too few elements", MALFORMED, data=[1, 2])
    yield with_b("too many elements", MALFORMED, data=[1, 2, 3, 4])
    yield with_a("nested", data=[[1, 2, 3]])
    yield with_a("nested deeper than its shape", (400, 200), data=[[[1], [2], [3]]])
    yield with_a("ragged", (400, 200), data=[[1], [2, 3]])
    yield with_a("nested in part", (400, 200), data=[1, [2, 3]])
    yield with_a("data: a number", MALFORMED, data=1)
    yield with_a("data: texts", MALFORMED, data=["1", "2", "3"])
    yield with_a("data: truth values", MALFORMED, data=[True, 2, 3])
    yield with_a("data: null", MALFORMED, data=[None, 2, 3])
    yield with_b("fraction in INT32", MALFORMED, data=[1.5, 2, 3])
    yield with_b("1.0 in INT32", MALFORMED, data=[1.0, 2, 3])
    yield with_b("2^31 in INT32", WRAPPED, data=[2**31, 2, 3])
    yield with_a("1e39 in FP32", WRAPPED, data=[1e39, 2, 3])
    rows = [tensor | {"shape": [4, 3], "data": list(range(12))} for tensor in (A, B)]
    yield two("four rows", inputs=rows)
    yield two("five rows of four", inputs=[tensor | {"shape": [5, 3], "data": [1] * 15} for tensor in (A, B)])
    yield two("no rows", inputs=[tensor | {"shape": [0, 3], "data": []} for tensor in (A, B)])
    yield two("rows differ", inputs=[rows[0], B])
    region = {"shared_memory_region": "x", "shared_memory_byte_size": 12}
    yield two("shared memory", (400, 404), inputs=[sized(A, 0) | {"parameters": region}, B])
    yield Sent("unknown model", "/models/nope/infer", PLAIN)
    yield Sent("model that isn't loaded", "/models/broken/infer", PLAIN, ours=AWAY)
    yield Sent("unknown version", "/models/two/versions/9/infer", PLAIN)
    yield Sent("version", "/models/two/versions/1/infer", PLAIN)
    yield Sent("empty body", TWO)
    for text in (b"hello", b"[]", b"null", b"{", b"[" * 5000):
        yield Sent(f"body {text[:9]!r}", TWO, text, ours=MALFORMED)
    yield Sent("invalid UTF-8", TWO, b'{"id":"\xff","inputs":[]}')
    nan = b'{"inputs":[{"name":"given","datatype":"FP32","shape":[1,1],"data":[NaN]}]}'
    yield Sent("NaN in JSON", "/models/same_fp32/infer", nan, ours=(400, 200))


def datatypes() -> Iterator[Sent]:
    yield one("BOOL", [True, False])
    yield one("BOOL", [1, 0], MALFORMED)
    yield one("BOOL", ["true"], MALFORMED)
    yield one("UINT8", [0, 255])
    yield one("UINT8", [256], WRAPPED)
    yield one("UINT8", [-1], MALFORMED)
    yield one("INT8", [-128, 127])
    yield one("INT8", [200], WRAPPED)
    yield one("INT16", [-(2**15), 2**15 - 1])
    yield one("INT32", [-(2**31), 2**31 - 1])
    yield one("INT64", [2**53 + 1, -(2**63), 2**63 - 1])
    yield one("INT64", [2**63], MALFORMED)
    yield one("INT64", [2**70], MALFORMED)
    yield one("FP16", [1.5])
    yield one("FP32", [0.1, 1e30, -0.0, 3])
    yield one("FP64", [0.1, 1e300])
    for datatype in ("BOOL", "UINT8", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"):
        dtype = DTYPES[datatype]
        elements = np.arange(6).astype(dtype).tobytes()
        entry = {"name": "given", "datatype": datatype, "shape": [2, 3]}
        head = {"inputs": [sized(entry, len(elements))], "parameters": {"binary_data_output": True}}
        yield binary(f"{datatype} in binary", head, elements, f"/models/same_{datatype.lower()}/infer")
    zeros = {"name": "given", "datatype": "FP16", "shape": [1, 2]}
    yield binary("FP16 out in JSON", {"inputs": [sized(zeros, 4)]}, bytes(4), "/models/same_fp16/infer")
    numbers = {"name": "given", "datatype": "FP32", "shape": [1, 3], "data": [0, -1, 1]}
    yield Sent("NaN and Infinity out in JSON", "/models/logarithm/infer", {"inputs": [numbers]}, ours=(400, 200))
    wanted = {"binary_data_output": True}
    yield Sent("NaN and Infinity out in binary", "/models/logarithm/infer", {"inputs": [numbers], "parameters": wanted})
    left, right = (numbers | {"name": name, "shape": shape} for name, shape in (("left", [1, 3]), ("right", [3, 1])))
    yield Sent("no batch dimension", "/models/pair/infer", {"inputs": [left, right]})
    yield Sent("what the model refuses", "/models/pair/infer", {"inputs": [left, right | {"shape": [1, 3]}]})


def blobs() -> Iterator[Sent]:
    blob = struct.pack("<3f", 1, 2, 3) + struct.pack("<3i", 3, 2, 1)
    head = {"inputs": [sized(A, 12), sized(B, 12)]}
    size = str(len(json.dumps(head)))
    yield binary("binary", head, blob)
    yield binary("binary in another order", {"inputs": [sized(B, 12), sized(A, 12)]}, blob[12:] + blob[:12])
    yield binary("binary and JSON", {"inputs": [sized(A, 12), B]}, blob[:12])
    yield binary("binary both ways", head | {"parameters": {"binary_data_output": True}}, blob)
    yield binary("header missing", head, blob, inference_header_content_length="")
    yield binary("header missing, no blob", head, b"", inference_header_content_length="")
    for value in ("99999", "-5", "9" * 30):
        yield binary(f"header {value}", head, blob, inference_header_content_length=value)
    yield binary("header abc", head, blob, inference_header_content_length="abc")
    yield binary("header too small", head, blob, ours=MALFORMED, inference_header_content_length=str(int(size) - 3))
    yield binary("blob too short", head, blob[:-1])
    yield binary("blob too long", head, blob + b"x")
    for lie in (-1, 11, 13, 2**40, "12", 12.0, True):
        yield binary(f"binary_data_size {lie}", {"inputs": [sized(A, lie), sized(B, 12)]}, blob, ours=(400, 0))
    yield binary("data and binary_data_size", {"inputs": [A | sized(A, 12), sized(B, 12)]}, blob)
    yield binary("JSON alone, with a header", PLAIN, b"")
    yield binary("raw, two inputs", b"", blob)
    yield binary("raw", b"", blob[:12], "/models/same_fp32/infer")
    yield binary("raw, of no length", b"", b"12345", "/models/same_fp32/infer")
    yield binary("raw, two unknown dimensions", b"", blob[:12], "/models/pair/infer")


def codings() -> Iterator[Sent]:
    def packed(name: str, body: bytes, coding: str, ours: Any = None) -> Sent:
        return Sent(name, TWO, body, {"content-encoding": coding}, ours=ours)

    yield packed("gzip", gzip.compress(PLAIN), "gzip")
    yield packed("deflate", zlib.compress(PLAIN), "deflate")
    yield packed("identity", PLAIN, "identity")
    yield packed("deflate without zlib's wrapper", zlib.compress(PLAIN)[2:-4], "deflate")
    yield packed("no gzip", b"xx" + gzip.compress(PLAIN), "gzip")
    yield packed("gzip that ends early", gzip.compress(PLAIN)[:-9], "gzip", (400, 200))
    yield packed("unknown coding", PLAIN, "br")
    for coding in ("gzip", "deflate", "gzip, deflate", "br", "identity"):
        yield Sent(f"accept {coding}", TWO, PLAIN, {"accept-encoding": coding})
    yield Sent("another content type", TWO, PLAIN, {"content-type": "text/plain"})


REQUESTS = [*metadata(), *bodies(), *tensors(), *datatypes(), *blobs(), *codings()]


def outputs_of(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer's tensors by name, in JSON or binary."""
    length = int(answer.headers.get(HEADER, len(answer.content)))
    content, blob = json.loads(answer.content[:length]), memoryview(answer.content)[length:]
    tensors = {}
    for output in content["outputs"]:
        if "data" in output:
            texts = output["datatype"] == "BYTES"
            data = [text.encode() for text in output["data"]] if texts else output["data"]
            tensors[output["name"]] = np.array(data, DTYPES[output["datatype"]]).reshape(output["shape"])
        else:
            size = output["parameters"]["binary_data_size"]
            tensors[output["name"]] = from_wire(blob[:size], output["datatype"], output["shape"])
            blob = blob[size:]
    assert not len(blob)
    return tensors
