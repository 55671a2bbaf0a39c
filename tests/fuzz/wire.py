"""What comes over a connection that no client library would send, and the answers that it has to get, in order."""

import base64
from typing import NamedTuple

from tests.support.raw_http import request


class Shape(NamedTuple):
    """Bytes on one connection.

    Attributes:
        sent: All that is sent.
        statuses: The answers; after the last, one is allowed more time to be hung up on.
    """

    sent: bytes
    statuses: tuple[int, ...]


def _chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def shapes(png: bytes) -> dict[str, Shape]:
    """Return every shape by its name.

    Args:
        png: An image that is answered with 200.
    """
    image = {"content_type": "image/png"}
    good = request(body=png, **image)
    live = request("GET", "/health/live")
    last = request("GET", "/health/live", connection="close")
    chunks = request("POST", "/predict", transfer_encoding="chunked", **image)
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2_settings": "AAMAAABkAARAAAAA"}
    length = b"content-length: %d" % len(png)
    refused = {
        "words": b"hello there\r\n\r\n",
        "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a version that is none": b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        "a method that is none": b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n",
        "a method in small letters": b"get / HTTP/1.1\r\nhost: a\r\n\r\n",
        "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n",
        "a broken URL": b"GET http://[::1 HTTP/1.1\r\nhost: a\r\n\r\n",
        "a URL in UTF-8": "GET /é HTTP/1.1\r\nhost: a\r\n\r\n".encode(),
        "line feeds alone": b"GET /health/live HTTP/1.1\nhost: a\n\n",
        "a folded header": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n",
        "a NUL in a header": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
        "a space in a header's name": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx y: b\r\n\r\n",
        "a header without a colon": b"GET /health/live HTTP/1.1\r\nhost: a\r\nxy\r\n\r\n",
        # What proxy and server could understand differently (request smuggling)
        "two lengths": good.replace(length, length + b"\r\ncontent-length: 5"),
        "one length twice": good.replace(length, length + b"\r\n" + length),
        "a list of lengths": good.replace(length, length + b", 5"),
        "a negative length": request("POST", "/predict", content_length="-1", **image),
        "a length with a plus": request("POST", "/predict", content_length="+5", **image) + b"12345",
        "a length in hex": request("POST", "/predict", content_length="0x5", **image) + b"12345",
        "a length beyond 64 bits": request("POST", "/predict", content_length="9" * 30, **image),
        "a length and chunks": good.replace(length, length + b"\r\ntransfer-encoding: chunked"),
        "chunks and a length": good.replace(length, b"transfer-encoding: chunked\r\n" + length),
        "chunked, then something": request("POST", "/predict", transfer_encoding="chunked, identity", **image)
        + _chunked(png),
        "nearly chunked": request("POST", "/predict", transfer_encoding="xchunked", **image) + _chunked(png),
        "a space before the colon": chunks.replace(b"transfer-encoding:", b"transfer-encoding :") + _chunked(png),
        "a chunk without a size": chunks + b"zz\r\nabc\r\n0\r\n\r\n",
        "a chunk longer than its size": chunks + b"3\r\nabcdef\r\n0\r\n\r\n",
        "a chunk beyond 64 bits": chunks + b"f" * 20 + b"\r\nabc\r\n",
    }
    too_long = {
        "a header of 2 MB": b"GET / HTTP/1.1\r\nx: " + b"a" * 2**21,
        "a URL of 2 MB": b"GET /" + b"a" * 2**21,
        "a header of 70 kB": request("GET", "/health/live", x="a" * 70_000),
        "300,000 headers": b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 300_000,
        "300,000 trailers": chunks + _chunked(png, end=b"0\r\n") + b"a:b\r\n" * 300_000,
        "a trailer of 2 MB": chunks + _chunked(png, end=b"0\r\n") + b"x: " + b"a" * 2**21,
        "a chunk's extension of 2 MB": chunks + b"5;" + b"a" * 2**21,
    }
    with_lengths = {
        "24 MiB and a byte": str(24 * 2**20 + 1),
        "8 EB": str(2**63),
    }
    return (
        {name: Shape(sent, (400,)) for name, sent in refused.items()}
        | {name: Shape(sent, (431,)) for name, sent in too_long.items()}
        | {
            name: Shape(request("POST", "/predict", content_length=size, **image), (413,))
            for name, size in with_lengths.items()
        }
        | {
            "one after the other": Shape(good * 3 + last, (200,) * 4),
            "60 at once": Shape(live * 59 + last, (200,) * 60),
            "14,000 at once": Shape(live * 14_000, (200,) * 65 + (400,)),
            "junk behind a request": Shape(good + b"junk\r\n\r\n", (200, 400)),
            "a bad chunk behind a request": Shape(good + chunks + b"zz\r\nabc\r\n", (200, 400)),
            "chunks": Shape(chunks + _chunked(png[:100], png[100:]) + last, (200, 200)),
            "a header of 40 kB": Shape(request("GET", "/health/live", x="a" * 40_000, connection="close"), (200,)),
            "an offer of HTTP/2": Shape(request(body=png, **offer, **image) * 2 + last, (200, 200, 200)),
            "an offer of HTTP/2, chunked": Shape(
                request("POST", "/predict", transfer_encoding="chunked", **offer, **image) + _chunked(png) + last,
                (200, 200),
            ),
            "an offer to wait": Shape(request(body=png, expect="100-continue", **image) + last, (200, 200)),
            "HTTP/1.0": Shape(b"GET /health/live HTTP/1.0\r\n\r\n", (200,)),
            "an escaped way out": Shape(
                b"GET /page/..%2f..%2fapp.py HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", (404,)
            ),
            "bytes that are no text in a path": Shape(
                b"GET /%ff%00%0d%0a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", (404,)
            ),
            "a body nobody asked for": Shape(request("GET", "/health/live", b"x" * 1000, connection="close"), (200,)),
        }
    )


def slow(png: bytes) -> dict[str, Shape]:
    """Return what is begun and never ended, or ended too slowly."""
    image = {"content_type": "image/png"}
    good = request(body=png, **image)
    body = request("POST", "/predict", content_length="1000", **image)
    return {
        "nothing": Shape(b"", ()),
        "empty lines": Shape(b"\r\n\r\n", ()),
        "half a request line": Shape(b"GET / HT", (408,)),
        "headers": Shape(b"GET / HTTP/1.1\r\nhost: a\r\n", (408,)),
        "headers behind a request": Shape(good + b"POST /pre", (200, 408)),
        "a body": Shape(body + b"abc", (408,)),
        "a body behind a request": Shape(good + body + b"abc", (200, 408)),
        "a body in chunks": Shape(
            request("POST", "/predict", transfer_encoding="chunked", **image) + b"5\r\na", (408,)
        ),
        "a form": Shape(
            request("POST", "/predict", content_length="1000", content_type="multipart/form-data; boundary=b") + b"--b",
            (408,),
        ),
        "a body that nobody wants": Shape(request("POST", "/nowhere", content_length="1000") + b"abc", (404,)),
    }


def bodies(png: bytes) -> dict[str, tuple[str, bytes, tuple[int, ...]]]:
    """Return content types with bodies for ``POST /predict``, and the statuses that each may get."""
    size = 24 * 2**20 - 1000
    text = base64.b64encode(png)
    json, form = "application/json", "multipart/form-data; boundary=b"
    file = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    whole = file + b"\r\n" + png + b"\r\n"
    end = b"--b--\r\n"
    named = b'--b\r\nContent-Disposition: form-data; name="'
    return {
        "100,000 levels": (json, b"[" * 100_000, (422,)),
        "100,000 levels of objects": (json, b'{"image":' * 100_000, (422,)),
        "24 MiB of numbers": (json, b'{"images":[' + b"1," * (size // 2 - 20) + b"1]}", (422,)),
        "24 MiB of fields": (json, b"{" + b",".join(b'"%x":0' % i for i in range(size // 11)) + b"}", (422,)),
        "one field 700,000 times": (json, b"{" + b'"a":1,' * (size // 6 - 20) + b'"image":"AAAA"}', (422,)),
        "a number of 24 MiB": (json, b'{"image":' + b"9" * (size - 20) + b"}", (422,)),
        "a name of 24 MiB": (json, b'{"' + b"x" * (size - 20) + b'":1}', (422,)),
        "a key that comes twice": (json, b'{"image":1,"image":"' + text + b'"}', (200,)),
        "NaN": (json, b'{"image":NaN}', (422,)),
        "invalid UTF-8": (json, b'{"image":"\xff\xfe"}', (422,)),
        "half a surrogate": (json, b'{"image":"\\ud800"}', (422,)),
        "UTF-16": (json, '{"image":"AAAA"}'.encode("utf-16"), (422,)),
        "half of UTF-16": (json, '{"image":"AAAA"}'.encode("utf-16")[:-1], (422,)),
        "a mark of UTF-32 before UTF-8": (json, b"\xff\xfe\0\0" + b'{"image":"' + text + b'"}', (422,)),
        "UTF-32": (json, f'{{"image":"{text.decode()}"}}'.encode("utf-32"), (200,)),
        "wrong base64": (json, b'{"image":"' + text[:-5] + b'!"}', (422,)),
        "base64 of 24 MiB": (json, b'{"image":"' + b"A" * (size - 20) + b'"}', (422,)),
        "JSON as an image": ("image/png", b'{"image":"' + text + b'"}', (422,)),
        "an image as JSON": (json, png, (422,)),
        "an image as text": ("text/plain", png, (415,)),
        "an image as nothing": ("", png, (415,)),
        "a type of 5 kB": ("image/" + "x" * 5000, png, (200,)),
        "a type in Latin-1": ("image/ÿ\x80", png, (200,)),
        "types in a row": ("application/json, image/png", png, (415,)),
        "no boundary": ("multipart/form-data", whole + end, (422,)),
        "an empty boundary": ("multipart/form-data; boundary=", whole + end, (422,)),
        "a boundary of 5 kB": ("multipart/form-data; boundary=" + "b" * 5000, whole + end, (422,)),
        "another boundary": ("multipart/form-data; boundary=c", whole + end, (422,)),
        "a form without an end": (form, whole, (422,)),
        "a form cut short": (form, whole[:50], (422,)),
        "an empty form": (form, b"", (422,)),
        "a part without a name": (form, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + end, (422,)),
        "a part without headers": (form, b"--b\r\n\r\nx\r\n" + end, (422,)),
        "5,000 fields": (form, (named + b'a"\r\n\r\nx\r\n') * 5000 + end, (422,)),
        "5,000 files": (form, whole * 5000 if len(whole) * 5000 < size else whole * (size // len(whole)), (413,)),
        "5,000 headers of a part": (form, file + b"A: b\r\n" * 5000 + b"\r\nx\r\n" + end, (422,)),
        "a part's header of 24 MiB": (form, file + b"A: " + b"b" * (size - 500), (422,)),
        "a part's name of 24 MiB": (form, named + b"a" * (size - 500), (422,)),
        "a field of 24 MiB": (form, named + b'a"\r\n\r\n' + b"x" * (size - 500) + b"\r\n" + end, (422,)),
        "a file of line ends": (form, file + b"\r\n" + b"\r\n" * (size // 2 - 500) + end, (422,)),
        "a file of returns": (form, file + b"\r\n" + b"\r" * (size - 500) + b"\r\n" + end, (422,)),
        "a file of nearly boundaries": (form, file + b"\r\n" + b"\r\n--" * (size // 4 - 500) + b"\r\n" + end, (422,)),
        "line ends before a form": (form, b"\r\n" * (size // 2 - 2000) + whole + end, (200, 422)),
        "line ends after a form": (form, whole + end + b"\r\n" * (size // 2 - 2000), (200, 422)),
        "a charset that raises": (form + "; charset=undefined", whole + end, (200,)),
        "a charset that is a cipher": (form + "; charset=punycode", named + b'a-\xff"\r\n\r\nx\r\n' + end, (422,)),
        "another kind of form": ("multipart/mixed; boundary=b", whole + end, (415,)),
    }
